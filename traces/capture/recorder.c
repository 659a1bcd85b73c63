/* The recorder: what a program under capture does to shared memory, thread by thread.
 *
 * It implements the hooks that `-fsanitize=thread` and `-fsanitize-coverage=trace-pc` make a
 * compiler call, and wraps the calls of pthread and of memcpy, memmove and memset. Compile the
 * program with those flags, compile this file without them, and link without -fsanitize=thread but
 * with -Wl,--wrap=NAME for each __wrap_NAME below. `lockstep capture` does all that.
 *
 * Environment
 *   LOCKSTEP_CAPTURE_DIR    where the logs go (required; without it nothing is recorded)
 *   LOCKSTEP_CAPTURE_LIMIT  events of all threads after which the program is ended (0: no limit);
 *                           a file `limit` in the directory then tells why
 *   LOCKSTEP_CAPTURE_STACK  `1`: keep accesses of a thread to its own stack; else they are dropped,
 *                           because they are private
 *
 * Log: one file `thread-N.raw` per thread, N the order of creation, 0 the first thread. It is a
 * sequence of events of 40 bytes, little-endian:
 *   sequence:u64 addr:u64 a:u64 b:u64 n:u32 kind:u8 size:u8 zero:u16
 * in the thread's program order. `sequence` is from one counter of all threads, so the logs merged
 * by it are the interleaving. Numbers ascend in each log; some are not used.
 *
 * The counter is the only thing that threads share here: it is taken by one atomic addition, without
 * a lock, so threads run on beside each other. A thread takes its number before an access that
 * others may wait for (a write, an unlock, an arrival at a barrier, a creation) and after one by
 * which it waited (an atomic load, a lock, a join). So what synchronization puts in order is in that
 * order; of two accesses that race within some nanoseconds, either may come first.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* Kinds of event. The converter knows the same numbers. */
enum kind {
  READ = 0,        /* addr, b bytes */
  WRITE = 1,       /* addr, b bytes, value not known */
  WRITE_VALUE = 2, /* addr, size, a the value (repeated over b bytes where b is not 0) */
  ADD = 3,         /* addr, size, a the operand */
  SWAP = 4,        /* addr, size, a the new value */
  CAS = 5,         /* addr, size, a expected, b new */
  FENCE = 6,
  BARRIER = 7,     /* n the barrier's number, a its members */
  COPY = 8,        /* addr from, a to, b bytes */
  LOCK = 9,        /* addr of the mutex */
  UNLOCK = 10,     /* addr of the mutex */
  CREATE = 11,     /* n the new thread */
  JOIN = 12,       /* n the joined thread */
  BLOCKS = 13,     /* a basic blocks were entered since the last event */
};

struct event {
  u64 sequence, addr, a, b;
  u32 n;
  u8 kind, size;
  u16 zero;
};

#define BUFFERED 2048
#define THREADS 65536
#define BARRIERS 4096

struct thread {
  u32 number, used;
  int fd;
  u64 stack_from, stack_to;
  u64 range_to, range_bytes; /* the write range told last, see wrap_copy */
  struct event events[BUFFERED];
};

/* In a cache line of its own: what lies beside it is read at every event. */
static struct { u64 next, others[7]; } counter __attribute__((aligned(64)));

static __thread struct thread *self;
static __thread u64 blocks;
static struct thread *all[THREADS];
static u32 threads, barriers;
static u64 events, limit;
static int stopped, keep_stack;
static const char *dir;
static struct { void *at; u32 number, members; } barrier_list[BARRIERS];

extern int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
extern int __real_pthread_join(pthread_t, void **);
extern int __real_pthread_mutex_lock(pthread_mutex_t *);
extern int __real_pthread_mutex_trylock(pthread_mutex_t *);
extern int __real_pthread_mutex_unlock(pthread_mutex_t *);
extern int __real_pthread_cond_wait(pthread_cond_t *, pthread_mutex_t *);
extern int __real_pthread_barrier_init(pthread_barrier_t *, const pthread_barrierattr_t *, unsigned);
extern int __real_pthread_barrier_wait(pthread_barrier_t *);
extern void *__real_memcpy(void *, const void *, size_t);
extern void *__real_memmove(void *, const void *, size_t);
extern void *__real_memset(void *, int, size_t);

static void fail(const char *what) {
  stopped = 1;
  fprintf(stderr, "lockstep recorder: %s\n", what);
  _exit(97);
}

/* ---- the log ---- */

static void flush(struct thread *t) {
  const char *at = (const char *)t->events;
  size_t left = t->used * sizeof(struct event);
  while (left) {
    ssize_t n = write(t->fd, at, left);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("cannot write the log");
    at += n;
    left -= (size_t)n;
  }
  u64 sum = __atomic_add_fetch(&events, t->used, __ATOMIC_RELAXED);
  t->used = 0;
  if (limit && sum > limit && !__atomic_exchange_n(&stopped, 1, __ATOMIC_SEQ_CST)) {
    char path[4096];
    snprintf(path, sizeof path, "%s/limit", dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
    _exit(98);
  }
}

/* Two numbers of the global sequence: the blocks before an event come right before it. */
static u64 take_sequence(void) { return __atomic_fetch_add(&counter.next, 2, __ATOMIC_RELAXED); }

static void put_at(u64 sequence, u8 kind, u8 size, u64 addr, u64 a, u64 b, u32 n) {
  struct thread *t = self;
  if (!t || stopped) return;
  if (t->used + 2 > BUFFERED) flush(t);
  if (blocks) {
    t->events[t->used++] = (struct event){.sequence = sequence, .kind = BLOCKS, .a = blocks};
    blocks = 0;
  }
  t->events[t->used++] = (struct event){
      .sequence = sequence + 1, .kind = kind, .size = size, .addr = addr, .a = a, .b = b, .n = n};
  t->range_bytes = 0;
}

static void put(u8 kind, u8 size, u64 addr, u64 a, u64 b, u32 n) {
  if (self && !stopped) put_at(take_sequence(), kind, size, addr, a, b, n);
}

/* Whether the accesses to these bytes are dropped. */
static int private(u64 addr) {
  struct thread *t = self;
  return t && !keep_stack && addr >= t->stack_from && addr < t->stack_to;
}

static void put_access(u8 kind, void *p, u64 bytes) {
  if (self && bytes && !private((u64)p)) put(kind, 0, (u64)p, 0, bytes, 0);
}

/* ---- threads ---- */

static void start_thread(u32 number) {
  struct thread *t = calloc(1, sizeof *t);
  char path[4096];
  pthread_attr_t attr;
  void *stack;
  size_t bytes;
  if (!t) fail("out of memory");
  snprintf(path, sizeof path, "%s/thread-%u.raw", dir, number);
  t->number = number;
  t->fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (t->fd < 0) fail("cannot create the log");
  if (pthread_getattr_np(pthread_self(), &attr) == 0) {
    if (pthread_attr_getstack(&attr, &stack, &bytes) == 0) {
      t->stack_from = (u64)stack;
      t->stack_to = (u64)stack + bytes;
    }
    pthread_attr_destroy(&attr);
  }
  all[number] = t;
  blocks = 0;
  self = t;
}

/* The log of a thread that ends is whole from here on. */
static void end_thread(void *unused) {
  struct thread *t = self;
  (void)unused;
  if (!t) return;
  self = 0;
  if (stopped) return;
  flush(t);
  close(t->fd);
  all[t->number] = 0;
  free(t);
}

static pthread_key_t end_key;

static void forget_child(void) { stopped = 1; }

__attribute__((constructor(101))) static void start(void) {
  if (dir) return;
  dir = getenv("LOCKSTEP_CAPTURE_DIR");
  if (!dir) return;
  const char *text = getenv("LOCKSTEP_CAPTURE_LIMIT");
  limit = text ? strtoull(text, 0, 10) : 0;
  text = getenv("LOCKSTEP_CAPTURE_STACK");
  keep_stack = text && text[0] == '1';
  pthread_key_create(&end_key, end_thread);
  pthread_atfork(0, 0, forget_child);
  threads = 1;
  start_thread(0);
}

__attribute__((destructor(101))) static void finish(void) {
  if (!dir || stopped) return;
  stopped = 1;
  for (u32 i = 0; i < threads; i++)
    if (all[i]) flush(all[i]);
}

struct birth {
  void *(*run)(void *);
  void *arg;
  u32 number;
};

static void *run_thread(void *p) {
  struct birth birth = *(struct birth *)p;
  free(p);
  start_thread(birth.number);
  pthread_setspecific(end_key, self); /* end_thread runs when the thread ends, however it ends */
  return birth.run(birth.arg);
}

/* Which number a pthread_t has, for join. Protected by `table`. */
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static struct { pthread_t id; int live; } born[THREADS];

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *), void *arg) {
  if (!dir || stopped || !self) return __real_pthread_create(id, attr, run, arg);
  struct birth *birth = malloc(sizeof *birth);
  if (!birth) return EAGAIN;
  __real_pthread_mutex_lock(&table);
  u32 number = threads;
  if (number >= THREADS) fail("the program creates more than 65535 threads");
  *birth = (struct birth){run, arg, number};
  u64 sequence = take_sequence(); /* before all of the new thread's */
  int code = __real_pthread_create(id, attr, run_thread, birth);
  if (code == 0) {
    threads++;
    born[number].id = *id;
    born[number].live = 1;
    put_at(sequence, CREATE, 0, 0, 0, 0, number);
  } else {
    free(birth);
  }
  __real_pthread_mutex_unlock(&table);
  return code;
}

int __wrap_pthread_join(pthread_t id, void **result) {
  u32 number = 0;
  __real_pthread_mutex_lock(&table);
  for (u32 i = 1; i < threads; i++)
    if (born[i].live && pthread_equal(born[i].id, id)) number = i;
  if (number) born[number].live = 0;
  __real_pthread_mutex_unlock(&table);
  int code = __real_pthread_join(id, result);
  if (code == 0 && number) put(JOIN, 0, 0, 0, 0, number);
  return code;
}

/* ---- synchronization ---- */

int __wrap_pthread_mutex_lock(pthread_mutex_t *m) {
  int code = __real_pthread_mutex_lock(m);
  if (code == 0) put(LOCK, 0, (u64)m, 0, 0, 0);
  return code;
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t *m) {
  int code = __real_pthread_mutex_trylock(m);
  if (code == 0) put(LOCK, 0, (u64)m, 0, 0, 0);
  return code;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m) {
  put(UNLOCK, 0, (u64)m, 0, 0, 0);
  return __real_pthread_mutex_unlock(m);
}

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m) {
  put(UNLOCK, 0, (u64)m, 0, 0, 0);
  int code = __real_pthread_cond_wait(c, m);
  put(LOCK, 0, (u64)m, 0, 0, 0);
  return code;
}

int __wrap_pthread_barrier_init(pthread_barrier_t *b, const pthread_barrierattr_t *attr, unsigned n) {
  int code = __real_pthread_barrier_init(b, attr, n);
  if (code) return code;
  __real_pthread_mutex_lock(&table);
  u32 slot = 0;
  while (slot < BARRIERS && barrier_list[slot].at && barrier_list[slot].at != b) slot++;
  if (slot == BARRIERS) fail("the program has more than 4096 barriers");
  barrier_list[slot].at = b;
  barrier_list[slot].number = barriers++;
  barrier_list[slot].members = n;
  __real_pthread_mutex_unlock(&table);
  return 0;
}

int __wrap_pthread_barrier_wait(pthread_barrier_t *b) {
  __real_pthread_mutex_lock(&table);
  u32 slot = 0;
  while (slot < BARRIERS && barrier_list[slot].at != b) slot++;
  if (slot == BARRIERS) fail("the program waits at a barrier that it did not initialize");
  u32 number = barrier_list[slot].number, members = barrier_list[slot].members;
  __real_pthread_mutex_unlock(&table);
  put(BARRIER, 0, 0, members, 0, number);
  return __real_pthread_barrier_wait(b);
}

/* ---- blocks of bytes ---- */

/* A compiler that copies a struct by calling memcpy tells the ranges first: then the call itself
 * is not recorded again. */
static int told(void *to, u64 bytes) {
  return self && self->range_bytes == bytes && self->range_to == (u64)to;
}

static void wrap_copy(void *to, const void *from, size_t n) {
  if (!self || !n || to == from || told(to, n)) return;
  u64 apart = (u64)to > (u64)from ? (u64)to - (u64)from : (u64)from - (u64)to;
  if (apart >= n && !private((u64)to) && !private((u64)from)) {
    put(COPY, 0, (u64)from, (u64)to, n, 0);
  } else {
    put_access(READ, (void *)from, n);
    put_access(WRITE, to, n);
  }
}

static void wrap_set(void *to, int c, size_t n) {
  if (!self || !n || told(to, n) || private((u64)to)) return;
  put(WRITE_VALUE, 0, (u64)to, (u64)(u8)c * 0x0101010101010101u, n, 0);
}

void *__wrap_memcpy(void *to, const void *from, size_t n) {
  wrap_copy(to, from, n);
  return __real_memcpy(to, from, n);
}
void *__wrap_memmove(void *to, const void *from, size_t n) {
  wrap_copy(to, from, n);
  return __real_memmove(to, from, n);
}
void *__wrap_memset(void *to, int c, size_t n) {
  wrap_set(to, c, n);
  return __real_memset(to, c, n);
}
void *__tsan_memcpy(void *to, const void *from, size_t n) { return __wrap_memcpy(to, from, n); }
void *__tsan_memmove(void *to, const void *from, size_t n) { return __wrap_memmove(to, from, n); }
void *__tsan_memset(void *to, int c, size_t n) { return __wrap_memset(to, c, n); }

/* ---- plain accesses: the hook runs before the access, so written values are not known ---- */

void __tsan_init(void) { start(); }
void __tsan_func_entry(void *pc) { (void)pc; }
void __tsan_func_exit(void) {}
void __sanitizer_cov_trace_pc(void) { blocks++; }

#define ACCESS(N)                                                     \
  void __tsan_read##N(void *p) { put_access(READ, p, N); }            \
  void __tsan_write##N(void *p) { put_access(WRITE, p, N); }          \
  void __tsan_volatile_read##N(void *p) { put_access(READ, p, N); }   \
  void __tsan_volatile_write##N(void *p) { put_access(WRITE, p, N); } \
  void __tsan_unaligned_read##N(void *p) { put_access(READ, p, N); }  \
  void __tsan_unaligned_write##N(void *p) { put_access(WRITE, p, N); } \
  void __tsan_read_write##N(void *p) { put_access(READ, p, N), put_access(WRITE, p, N); } \
  void __tsan_unaligned_read_write##N(void *p) { __tsan_read_write##N(p); }
ACCESS(1) ACCESS(2) ACCESS(4) ACCESS(8) ACCESS(16)

void __tsan_read_range(void *p, size_t n) { put_access(READ, p, n); }
void __tsan_write_range(void *p, size_t n) {
  put_access(WRITE, p, n);
  if (self) {
    self->range_to = (u64)p;
    self->range_bytes = n;
  }
}
void __tsan_vptr_update(void **p, void *v) { (void)v, put_access(WRITE, p, 8); }
void __tsan_vptr_read(void **p) { put_access(READ, p, 8); }

/* ---- atomics: done here as the compiler would, sequentially consistent, then recorded ---- */

static void put_atomic(u8 kind, u8 size, volatile void *p, u64 a, u64 b) {
  put(kind, size, (u64)p, a, b, 0);
}

/* A fetch_and, or, xor or nand is recorded as the exchange that it turned out to be. */
#define FETCH_AS_CAS(BITS, T, OP, EXPR)                                       \
  T __tsan_atomic##BITS##_fetch_##OP(volatile T *p, T v, int mo) {            \
    (void)mo;                                                                 \
    T old = __atomic_fetch_##OP(p, v, __ATOMIC_SEQ_CST);                      \
    put_atomic(CAS, sizeof(T), p, old, (T)(EXPR));                            \
    return old;                                                               \
  }

#define ATOMICS(BITS, T)                                                      \
  T __tsan_atomic##BITS##_load(const volatile T *p, int mo) {                 \
    (void)mo;                                                                 \
    T found = __atomic_load_n(p, __ATOMIC_SEQ_CST);                           \
    put(READ, 0, (u64)p, 0, sizeof(T), 0);                                    \
    return found;                                                             \
  }                                                                           \
  void __tsan_atomic##BITS##_store(volatile T *p, T v, int mo) {              \
    put_atomic(WRITE_VALUE, sizeof(T), p, v, 0);                              \
    if (mo == __ATOMIC_SEQ_CST) put_atomic(FENCE, 0, 0, 0, 0);                \
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                 \
  }                                                                           \
  T __tsan_atomic##BITS##_exchange(volatile T *p, T v, int mo) {              \
    (void)mo;                                                                 \
    put_atomic(SWAP, sizeof(T), p, v, 0);                                     \
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                       \
  }                                                                           \
  T __tsan_atomic##BITS##_fetch_add(volatile T *p, T v, int mo) {             \
    (void)mo;                                                                 \
    put_atomic(ADD, sizeof(T), p, v, 0);                                      \
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                        \
  }                                                                           \
  T __tsan_atomic##BITS##_fetch_sub(volatile T *p, T v, int mo) {             \
    (void)mo;                                                                 \
    put_atomic(ADD, sizeof(T), p, (T)(0 - v), 0);                             \
    return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                        \
  }                                                                           \
  FETCH_AS_CAS(BITS, T, and, old &v)                                          \
  FETCH_AS_CAS(BITS, T, or, old | v)                                          \
  FETCH_AS_CAS(BITS, T, xor, old ^ v)                                         \
  FETCH_AS_CAS(BITS, T, nand, ~(old & v))                                     \
  int __tsan_atomic##BITS##_compare_exchange_strong(volatile T *p, T *c, T v, int mo, int fail_mo) { \
    (void)mo, (void)fail_mo;                                                  \
    put_atomic(CAS, sizeof(T), p, *c, v);                                     \
    return __atomic_compare_exchange_n(p, c, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }                                                                           \
  int __tsan_atomic##BITS##_compare_exchange_weak(volatile T *p, T *c, T v, int mo, int fail_mo) { \
    return __tsan_atomic##BITS##_compare_exchange_strong(p, c, v, mo, fail_mo); \
  }                                                                           \
  T __tsan_atomic##BITS##_compare_exchange_val(volatile T *p, T c, T v, int mo, int fail_mo) { \
    __tsan_atomic##BITS##_compare_exchange_strong(p, &c, v, mo, fail_mo);     \
    return c;                                                                 \
  }
ATOMICS(8, u8)
ATOMICS(16, u16)
ATOMICS(32, u32)
ATOMICS(64, u64)

void __tsan_atomic_thread_fence(int mo) {
  (void)mo;
  put(FENCE, 0, 0, 0, 0, 0);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void __tsan_atomic_signal_fence(int mo) { (void)mo; }
