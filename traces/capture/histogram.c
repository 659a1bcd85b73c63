/* A parallel histogram in two ways: shared bins with atomic adds, then private bins and a tree.
 *
 * The samples are skewed: half of them fall into a sixteenth of the bins, whose lines all threads
 * fight over. The second half counts the same samples without contention and joins pairs of
 * threads in log2 rounds, one barrier each. Both must agree.
 *
 * usage: histogram [threads] [samples] [bins]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static int threads = 8, samples = 32768, bins = 512;
static unsigned *sample;
static _Atomic unsigned *shared;
static unsigned *own; /* [thread][bin] */
static _Atomic unsigned long counted;
static pthread_barrier_t step;

/* Seeded: xorshift32 (Marsaglia 2003). Not part of the capture. */
__attribute__((no_sanitize("thread"), no_sanitize_coverage)) static void fill(void) {
  unsigned x = 2463534242u;
  for (int i = 0; i < samples; i++) {
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    sample[i] = (x & 0x10000) ? (x >> 20) % (bins / 16) : (x >> 18) % bins;
  }
}

static void *count(void *arg) {
  int me = (int)(long)arg;
  int first = (int)((long)samples * me / threads), last = (int)((long)samples * (me + 1) / threads);
  pthread_barrier_wait(&step); /* all start together, however long a thread takes to create */
  for (int i = first; i < last; i++) atomic_fetch_add_explicit(&shared[sample[i]], 1, memory_order_relaxed);
  atomic_fetch_add(&counted, last - first);
  pthread_barrier_wait(&step);
  unsigned *mine = own + (size_t)me * bins;
  for (int i = first; i < last; i++) mine[sample[i]]++;
  for (int apart = 1; apart < threads; apart *= 2) {
    pthread_barrier_wait(&step);
    if (me % (2 * apart) == 0 && me + apart < threads) {
      const unsigned *other = own + (size_t)(me + apart) * bins;
      for (int b = 0; b < bins; b++) mine[b] += other[b];
    }
  }
  pthread_barrier_wait(&step);
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) threads = atoi(argv[1]);
  if (argc > 2) samples = atoi(argv[2]);
  if (argc > 3) bins = atoi(argv[3]);
  if (threads < 1 || threads > 256 || samples < 1 || bins < 16) return 2;
  sample = calloc(samples, sizeof *sample);
  shared = calloc(bins, sizeof *shared);
  own = calloc((size_t)threads * bins, sizeof *own);
  if (!sample || !shared || !own) return 1;
  fill();
  pthread_barrier_init(&step, 0, threads);
  pthread_t crew[256];
  for (long t = 0; t < threads - 1; t++) pthread_create(&crew[t], 0, count, (void *)(t + 1));
  count((void *)0);
  for (int t = 0; t < threads - 1; t++) pthread_join(crew[t], 0);
  for (int b = 0; b < bins; b++)
    if (shared[b] != own[b]) return 1;
  printf("histogram: %lu samples, bin 0 holds %u\n", (unsigned long)counted, own[0]);
  return 0;
}
