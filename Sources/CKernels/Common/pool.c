// Persistent thread pool. See include/hsi_pool.h.
//
// A job is (function, context, count). Its generation and the next unclaimed index live together in one 64-bit
// word (`ticket`); threads claim an index by compare-and-swap on that word, so a thread that was descheduled
// across jobs can never run an index of a job it did not see. The caller waits until `count` ITEMS are finished,
// not until every worker has checked in: a sleeping worker costs nothing.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "hsi_pool.h"

#include "hsi_levels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

enum {
    MAX_THREADS = 256,
    WORKER_SPINS = 4000, // about 50-100 us, then sleep
    CALLER_SPINS = 4000,
    SEALED = 0x7fffffff, // index that no job reaches: nothing to claim
};

static inline void cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

// MARK: - Waiting on a word

#if defined(__linux__)
static void wait_while_equal(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void wake_all(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0);
}
#else
static pthread_mutex_t wait_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wait_condition = PTHREAD_COND_INITIALIZER;
static void wait_while_equal(_Atomic uint32_t *word, uint32_t value) {
    pthread_mutex_lock(&wait_mutex);
    while (atomic_load(word) == value) pthread_cond_wait(&wait_condition, &wait_mutex);
    pthread_mutex_unlock(&wait_mutex);
}
static void wake_all(_Atomic uint32_t *word) {
    (void)word;
    pthread_mutex_lock(&wait_mutex);
    pthread_cond_broadcast(&wait_condition);
    pthread_mutex_unlock(&wait_mutex);
}
#endif

// MARK: - State

static pthread_mutex_t job_mutex = PTHREAD_MUTEX_INITIALIZER; // held by whoever runs a job or changes the pool
static atomic_int wanted_threads;                             // 0 = not decided yet
static int running_workers;                                   // guarded by job_mutex
static pthread_t workers[MAX_THREADS];

static _Atomic uint32_t generation;  // changes when there is a new job (or the order to stop)
static _Atomic uint32_t sleepers;    // workers inside wait_while_equal(&generation)
static _Atomic uint64_t ticket;      // generation << 32 | next index
static _Atomic(hsi_pool_function) job_function;
static _Atomic(void *) job_context;
static _Atomic uint32_t job_count;
static _Atomic int job_threads; // slots that may work on it
static _Atomic int job_level; // kernel level that the caller forces, 0 for none
static _Atomic uint32_t finished;       // items of the current job
static _Atomic uint32_t caller_sleeps;  // the caller waits on `finished`
static _Atomic uint32_t stopping;

static _Thread_local int inside_item;
static _Thread_local int claimed_threads; // 0 = none
static _Thread_local int thread_index;

static int default_threads(void) {
    const char *text = getenv("HSI_NUM_THREADS");
    long count = text ? strtol(text, NULL, 10) : 0;
    if (count < 1) count = sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1) count = 1;
    return count > MAX_THREADS ? MAX_THREADS : (int)count;
}

// MARK: - Work

static void run_serially(int count, hsi_pool_function function, void *context) {
    int saved = inside_item;
    inside_item = 1;
    for (int i = 0; i < count; i++) function(context, i);
    inside_item = saved;
}

static void claim_and_run(uint32_t job_generation) {
    inside_item = 1;
    for (;;) {
        uint64_t seen = atomic_load(&ticket);
        if ((uint32_t)(seen >> 32) != job_generation) break;
        hsi_pool_function function = atomic_load(&job_function);
        void *context = atomic_load(&job_context);
        uint32_t count = atomic_load(&job_count);
        int level = atomic_load(&job_level);
        int threads = atomic_load(&job_threads);
        uint32_t index = (uint32_t)seen;
        if (index >= count || thread_index >= threads) break;
        // Success proves that the job has not changed since `seen`, hence what was read belongs to it.
        if (!atomic_compare_exchange_weak(&ticket, &seen, seen + 1)) continue;
        hsi_kernel_set_level(level);
        if (thread_index > 0) claimed_threads = threads; // scratch made inside the item has room for this slot
        function(context, (int)index);
        if (atomic_fetch_add(&finished, 1) + 1 == count && atomic_load(&caller_sleeps)) wake_all(&finished);
    }
    inside_item = 0;
}

static void *worker_main(void *argument) {
    thread_index = (int)(intptr_t)argument;
    uint32_t known = 0;
    for (;;) {
        int spins = 0;
        uint32_t current;
        while ((current = atomic_load(&generation)) == known) {
            if (spins++ < WORKER_SPINS) {
                cpu_relax();
                continue;
            }
            atomic_fetch_add(&sleepers, 1);
            if (atomic_load(&generation) == known) wait_while_equal(&generation, known);
            atomic_fetch_sub(&sleepers, 1);
            spins = 0;
        }
        known = current;
        if (atomic_load(&stopping)) return NULL;
        claim_and_run(current);
    }
}

static uint32_t announce(void) {
    uint32_t next = atomic_load(&generation) + 1;
    if (next == 0) next = 1; // 0 is what a fresh worker starts from
    return next;
}

// Both need job_mutex.
static void stop_workers(void) {
    if (running_workers == 0) return;
    atomic_store(&stopping, 1);
    atomic_store(&generation, announce());
    wake_all(&generation);
    for (int i = 0; i < running_workers; i++) pthread_join(workers[i], NULL);
    running_workers = 0;
    atomic_store(&stopping, 0);
}

static void start_workers(int count) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)4 << 20);
    // Workers compare against generation 0; let the first job look new to them.
    while (running_workers < count) {
        void *slot = (void *)(intptr_t)(running_workers + 1);
        if (pthread_create(&workers[running_workers], &attributes, worker_main, slot) != 0) break;
        running_workers++;
    }
    pthread_attr_destroy(&attributes);
}

// MARK: - API

int hsi_pool_threads(void) {
    if (claimed_threads > 0) return claimed_threads;
    int threads = atomic_load(&wanted_threads);
    if (threads > 0) return threads;
    int expected = 0;
    threads = default_threads();
    return atomic_compare_exchange_strong(&wanted_threads, &expected, threads) ? threads : expected;
}

void hsi_pool_set_threads(int threads) {
    if (inside_item) return;
    if (threads < 1) threads = default_threads();
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    pthread_mutex_lock(&job_mutex);
    if (running_workers > threads - 1) stop_workers();
    atomic_store(&wanted_threads, threads);
    pthread_mutex_unlock(&job_mutex);
}

int hsi_pool_claim(int threads) {
    int former = claimed_threads;
    if (!inside_item) claimed_threads = threads < 0 ? 0 : threads > MAX_THREADS ? MAX_THREADS : threads;
    return former;
}

int hsi_pool_thread_index(void) { return thread_index; }

void hsi_pool_run(int count, hsi_pool_function function, void *context) {
    hsi_pool_run_on(MAX_THREADS, count, function, context);
}

void hsi_pool_run_on(int threads, int count, hsi_pool_function function, void *context) {
    if (count <= 0) return;
    int available = hsi_pool_threads();
    if (count == 1 || inside_item || threads <= 1 || available == 1 || pthread_mutex_trylock(&job_mutex) != 0) {
        run_serially(count, function, context);
        return;
    }
    if (threads > available) threads = available;
    int extra = available - 1;
    if (running_workers < extra) start_workers(extra);

    uint32_t next = announce();
    atomic_store(&ticket, (uint64_t)atomic_load(&generation) << 32 | SEALED);
    atomic_store(&job_function, function);
    atomic_store(&job_context, context);
    atomic_store(&job_count, (uint32_t)count);
    atomic_store(&job_level, hsi_kernel_forced_level());
    atomic_store(&job_threads, threads);
    atomic_store(&finished, 0);
    atomic_store(&ticket, (uint64_t)next << 32);
    atomic_store(&generation, next);
    if (atomic_load(&sleepers)) wake_all(&generation);

    claim_and_run(next);

    uint32_t done;
    int spins = 0;
    while ((done = atomic_load(&finished)) < (uint32_t)count) {
        if (spins++ < CALLER_SPINS) {
            cpu_relax();
            continue;
        }
        atomic_store(&caller_sleeps, 1);
        if (atomic_load(&finished) == done) {
            // Only the last item wakes us; any earlier change of the word makes this return at once.
            wait_while_equal(&finished, done);
        }
        atomic_store(&caller_sleeps, 0);
    }
    pthread_mutex_unlock(&job_mutex);
}
