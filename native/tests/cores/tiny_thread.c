/* Runs its game on a thread of its own, so every callback comes from there, while retro_run waits for it. */
#include "libretro.h"

static void run_on_own_thread(void);
static void end_thread(void);
#define TINY_RUN run_on_own_thread
#define TINY_CLOSE end_thread
#include "tiny.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_t thread;
static enum { NO_THREAD, IDLE, FRAME_DUE, END_DUE } state;

static void *thread_main(void *unused) {
    (void)unused;
    pthread_mutex_lock(&mutex);
    while (state != END_DUE) {
        if (state == FRAME_DUE) {
            tiny_run();
            state = IDLE;
            pthread_cond_broadcast(&changed);
        } else {
            pthread_cond_wait(&changed, &mutex);
        }
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void run_on_own_thread(void) {
    pthread_mutex_lock(&mutex);
    if (state == NO_THREAD && pthread_create(&thread, NULL, thread_main, NULL) != 0) {
        pthread_mutex_unlock(&mutex);
        return;
    }
    state = FRAME_DUE;
    pthread_cond_broadcast(&changed);
    while (state == FRAME_DUE) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void end_thread(void) {
    pthread_mutex_lock(&mutex);
    bool running = state != NO_THREAD;
    if (running) state = END_DUE;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    if (running) pthread_join(thread, NULL);
    state = NO_THREAD;
}
