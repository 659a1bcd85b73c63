/* Jacobi relaxation of a square plate: a 5-point stencil over shared arrays.
 *
 * Rows are dealt to threads in blocks, so neighbours share the rows at their borders: each sweep a
 * thread reads what another wrote in the last. One barrier a sweep; the largest change of each
 * thread is joined under a mutex.
 *
 * usage: jacobi [threads] [points per side] [sweeps]
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int threads = 8, side = 64, sweeps = 11;
static double *plate[2];
static double change;
static pthread_barrier_t swept;
static pthread_mutex_t joined = PTHREAD_MUTEX_INITIALIZER;

/* One edge is hot, the rest starts at zero. Not part of the capture. */
__attribute__((no_sanitize("thread"), no_sanitize_coverage)) static void heat(void) {
  for (int i = 0; i < side; i++) plate[0][i] = plate[1][i] = 100.0;
}

static void *relax(void *arg) {
  int me = (int)(long)arg, inner = side - 2;
  int first = 1 + inner * me / threads, last = 1 + inner * (me + 1) / threads;
  for (int sweep = 0; sweep < sweeps; sweep++) {
    const double *from = plate[sweep % 2];
    double *to = plate[(sweep + 1) % 2], most = 0.0;
    for (int y = first; y < last; y++)
      for (int x = 1; x < side - 1; x++) {
        const double *at = from + y * side + x;
        double next = 0.25 * (at[-1] + at[1] + at[-side] + at[side]);
        double moved = fabs(next - *at);
        most = moved > most ? moved : most;
        to[y * side + x] = next;
      }
    pthread_mutex_lock(&joined);
    if (most > change) change = most;
    pthread_mutex_unlock(&joined);
    pthread_barrier_wait(&swept);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) threads = atoi(argv[1]);
  if (argc > 2) side = atoi(argv[2]);
  if (argc > 3) sweeps = atoi(argv[3]);
  if (threads < 1 || threads > 256 || side < 3 || sweeps < 1) return 2;
  for (int k = 0; k < 2; k++) plate[k] = calloc((size_t)side * side, sizeof(double));
  if (!plate[0] || !plate[1]) return 1;
  heat();
  pthread_barrier_init(&swept, 0, threads);
  pthread_t crew[256];
  for (long t = 0; t < threads - 1; t++) pthread_create(&crew[t], 0, relax, (void *)(t + 1));
  relax((void *)0);
  for (int t = 0; t < threads - 1; t++) pthread_join(crew[t], 0);
  printf("jacobi: %d sweeps, largest change %.6f\n", sweeps, change);
  return 0;
}
