// Persistent thread pool: one for the whole process.
#ifndef HSI_POOL_H
#define HSI_POOL_H

#ifdef __cplusplus
extern "C" {
#endif

/// Work item: called once for every index in 0..<count, from any thread of the pool, in no particular order.
typedef void (*hsi_pool_function)(void *context, int index);

/// Sets the number of threads that work on a job, the calling one included (1 = serial). Values below 1 restore
/// the default: HSI_NUM_THREADS if set, else the number of online processors. Waits for a running job to end;
/// must not be called from inside a pool item (it is ignored there). May be called at any time from any thread:
/// jobs with scratch per thread say how many threads it is for (hsi_pool_run_on).
void hsi_pool_set_threads(int threads);

/// Number of threads that jobs of the calling thread work on (>= 1): what it has claimed, else that of the process.
int hsi_pool_threads(void);

/// From now on jobs that the calling thread starts work on `threads` threads, whatever the process is set to; 0 ends
/// that. Returns the former claim, 0 for none, for whoever nests claims. Ignored inside a pool item.
int hsi_pool_claim(int threads);

/// Slot of the calling thread: 0 for any thread that is not a worker of the pool, below `threads` inside an item of
/// hsi_pool_run_on. Use it there to pick per-thread scratch.
int hsi_pool_thread_index(void);

/// Calls `function(context, i)` for all i in 0..<count and returns when all have finished; the caller works too.
/// Nested calls (from inside an item) run serially on the calling thread. When another thread is already running
/// a job, this one runs serially on the calling thread. Cost of an empty job: about 1 us when the workers are
/// spinning, 10-60 us when they sleep. Workers spin for some tens of microseconds, then sleep.
void hsi_pool_run(int count, hsi_pool_function function, void *context);

/// As hsi_pool_run, on at most `threads` threads, whose slots are below `threads`: for items that pick scratch by
/// hsi_pool_thread_index(), sized for that many. Whoever sizes scratch asks hsi_pool_threads() once and passes the
/// same number on, because another thread may change it in between.
void hsi_pool_run_on(int threads, int count, hsi_pool_function function, void *context);

#ifdef __cplusplus
}
#endif
#endif
