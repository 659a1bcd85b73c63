/* Breadth-first search of a random graph, level by level.
 *
 * Slices of the frontier are dealt to the threads, which claim unvisited neighbours by
 * compare-and-exchange on the parent array and append what they won to the next frontier with an
 * atomic add on its length: irregular reads, a contended counter, two barriers a level. Parents
 * are stored plus one, so that zeroed memory is "not visited". Which thread wins a vertex differs
 * from run to run; the levels do not.
 *
 * usage: bfs [threads] [vertices] [edges per vertex]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SLICE 16

static int threads = 8, vertices = 6144, degree = 8;
static unsigned *neighbour; /* [vertex][edge] */
static _Atomic unsigned *parent;
static unsigned *frontier[2];
static _Atomic unsigned length[2];
static unsigned levels;
static pthread_barrier_t level;

/* Seeded: xorshift32 (Marsaglia 2003). Not part of the capture. */
__attribute__((no_sanitize("thread"), no_sanitize_coverage)) static void grow(void) {
  unsigned x = 88675123u;
  for (int i = 0; i < vertices * degree; i++) {
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    neighbour[i] = (x >> 8) % vertices;
  }
}

static void visit(unsigned v, int next) {
  const unsigned *edge = neighbour + (size_t)v * degree;
  for (int e = 0; e < degree; e++) {
    unsigned to = edge[e], none = 0;
    if (atomic_load_explicit(&parent[to], memory_order_relaxed) == 0 &&
        atomic_compare_exchange_strong(&parent[to], &none, v + 1))
      frontier[next][atomic_fetch_add(&length[next], 1)] = to;
  }
}

static void *search(void *arg) {
  int me = (int)(long)arg;
  for (int now = 0;; now ^= 1) {
    unsigned have = atomic_load(&length[now]);
    if (have == 0) return 0;
    for (unsigned first = me * SLICE; first < have; first += threads * SLICE) {
      unsigned last = first + SLICE < have ? first + SLICE : have;
      for (unsigned i = first; i < last; i++) visit(frontier[now][i], now ^ 1);
    }
    pthread_barrier_wait(&level);
    if (me == 0) {
      atomic_store(&length[now], 0);
      levels++;
    }
    pthread_barrier_wait(&level);
  }
}

int main(int argc, char **argv) {
  if (argc > 1) threads = atoi(argv[1]);
  if (argc > 2) vertices = atoi(argv[2]);
  if (argc > 3) degree = atoi(argv[3]);
  if (threads < 1 || threads > 256 || vertices < 1 || degree < 1) return 2;
  neighbour = calloc((size_t)vertices * degree, sizeof *neighbour);
  parent = calloc(vertices, sizeof *parent);
  for (int k = 0; k < 2; k++) frontier[k] = calloc(vertices, sizeof **frontier);
  if (!neighbour || !parent || !frontier[0] || !frontier[1]) return 1;
  grow();
  parent[0] = 1;
  frontier[0][0] = 0;
  length[0] = 1;
  pthread_barrier_init(&level, 0, threads);
  pthread_t crew[256];
  for (long t = 0; t < threads - 1; t++) pthread_create(&crew[t], 0, search, (void *)(t + 1));
  search((void *)0);
  for (int t = 0; t < threads - 1; t++) pthread_join(crew[t], 0);
  unsigned reached = 0;
  for (int v = 0; v < vertices; v++) reached += parent[v] != 0;
  printf("bfs: %u of %d vertices in %u levels\n", reached, vertices, levels);
  return 0;
}
