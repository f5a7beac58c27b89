#define _GNU_SOURCE
#include "CKernels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#if defined(__x86_64__)
#define pause_briefly() __builtin_ia32_pause()
#elif defined(__aarch64__)
// `yield` does nothing on most processors; this takes about as long as x86's pause.
#define pause_briefly() __asm__ volatile("isb")
#else
#define pause_briefly() ((void)0)
#endif

// A layer follows the last one within microseconds, much sooner than a sleeping thread wakes; so spin first, about 50 us.
enum { spins = 2000, longest_line = 128 };

struct ck_pool {
  // What changes with every batch, each on its own cache line: helpers spin on the first while others count on the second.
  _Alignas(longest_line) atomic_uint batch;
  _Alignas(longest_line) atomic_int next;
  _Alignas(longest_line) atomic_int working;
  _Alignas(longest_line) ck_task task;
  const void *context;
  int32_t count;
  int32_t threads;
  atomic_bool ending;
  atomic_int asleep;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  pthread_t helpers[];
};

typedef struct {
  ck_pool *pool;
  int32_t thread;
} start_argument;

static void work(ck_pool *pool, int32_t thread) {
  int32_t index;
  while ((index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < pool->count)
    pool->task(pool->context, index, thread);
}

static void *help(void *argument) {
  start_argument start = *(start_argument *)argument;
  free(argument);
  ck_pool *pool = start.pool;
  unsigned seen = 0;
  for (;;) {
    int spin = 0;
    while (atomic_load_explicit(&pool->batch, memory_order_acquire) == seen && spin++ < spins) pause_briefly();
    if (atomic_load(&pool->batch) == seen) {
      pthread_mutex_lock(&pool->mutex);
      atomic_fetch_add(&pool->asleep, 1);
      while (atomic_load(&pool->batch) == seen) pthread_cond_wait(&pool->wake, &pool->mutex);
      atomic_fetch_sub(&pool->asleep, 1);
      pthread_mutex_unlock(&pool->mutex);
    }
    seen = atomic_load_explicit(&pool->batch, memory_order_acquire);
    if (atomic_load(&pool->ending)) return NULL;
    work(pool, start.thread);
    atomic_fetch_sub_explicit(&pool->working, 1, memory_order_release);
  }
}

static void announce(ck_pool *pool) {
  atomic_fetch_add(&pool->batch, 1);
  if (atomic_load(&pool->asleep) > 0) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
  }
}

ck_pool *ck_pool_create(int32_t threads) {
  size_t size = sizeof(ck_pool) + sizeof(pthread_t) * (size_t)threads;
  ck_pool *pool = aligned_alloc(longest_line, (size + longest_line - 1) / longest_line * longest_line);
  if (!pool) return NULL;
  *pool = (ck_pool){.threads = 1};
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  for (int32_t thread = 1; thread < threads; thread++) {
    start_argument *start = malloc(sizeof *start);
    if (start) *start = (start_argument){pool, thread};
    if (!start || pthread_create(&pool->helpers[thread], NULL, help, start)) {
      free(start);
      ck_pool_destroy(pool);
      return NULL;
    }
    pthread_setname_np(pool->helpers[thread], "posecam.network");
    pool->threads++;
  }
  return pool;
}

void ck_pool_destroy(ck_pool *pool) {
  if (!pool) return;
  atomic_store(&pool->ending, true);
  announce(pool);
  for (int32_t thread = 1; thread < pool->threads; thread++) pthread_join(pool->helpers[thread], NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}

int32_t ck_pool_threads(const ck_pool *pool) { return pool->threads; }

void ck_pool_run(ck_pool *pool, ck_task task, const void *context, int32_t count) {
  if (pool->threads == 1 || count == 1) {
    for (int32_t index = 0; index < count; index++) task(context, index, 0);
    return;
  }
  pool->task = task;
  pool->context = context;
  pool->count = count;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->working, pool->threads - 1, memory_order_relaxed);
  announce(pool);
  work(pool, 0);
  // Helpers that never woke must not find the next batch half described, so everyone reports in. On a machine that is
  // busy elsewhere a helper may need long; yield instead of burning the core it waits for.
  for (int spin = 0; atomic_load_explicit(&pool->working, memory_order_acquire) > 0; spin++) {
    if (spin < spins) pause_briefly();
    else sched_yield();
  }
}
