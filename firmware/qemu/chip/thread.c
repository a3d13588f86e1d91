// Threads on one core, switched where MicroPython lets go of its lock: in the VM's loop, and where a thread waits.
// Stack and control block come from the chip's heap and go back when the thread has ended, as FreeRTOS does it.
#include "py/gc.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "idfheap.h"
#include "chip.h"

typedef struct thread {
    struct thread *next;            // a ring; the main thread is always in it
    mp_state_thread_t *state;
    void *sp;
    void *stack;
    void *(*entry)(void *);
    void *arg;
    bool over;
} thread_t;

#define LEAST_STACK (4 * 1024)
#define DEFAULT_STACK (5 * 1024)
#define FRAME_WORDS (16)

static thread_t main_thread = { .next = &main_thread, .state = &mp_state_ctx.thread };
static thread_t *current = &main_thread;

// Saves what a call must keep, and goes on where another thread did so.
__attribute__((naked, noinline)) static void change(void **from_sp, void *to_sp) {
    __asm__ volatile (
        "addi sp, sp, -64\n"
        "sw ra, 0(sp)\n sw s0, 4(sp)\n sw s1, 8(sp)\n sw s2, 12(sp)\n sw s3, 16(sp)\n sw s4, 20(sp)\n sw s5, 24(sp)\n"
        "sw s6, 28(sp)\n sw s7, 32(sp)\n sw s8, 36(sp)\n sw s9, 40(sp)\n sw s10, 44(sp)\n sw s11, 48(sp)\n"
        "sw sp, 0(a0)\n"
        "mv sp, a1\n"
        "lw ra, 0(sp)\n lw s0, 4(sp)\n lw s1, 8(sp)\n lw s2, 12(sp)\n lw s3, 16(sp)\n lw s4, 20(sp)\n lw s5, 24(sp)\n"
        "lw s6, 28(sp)\n lw s7, 32(sp)\n lw s8, 36(sp)\n lw s9, 40(sp)\n lw s10, 44(sp)\n lw s11, 48(sp)\n"
        "addi sp, sp, 64\n"
        "ret\n");
}

static void give_back(thread_t *thread) {
    idf_free(thread->stack);
    idf_free(thread);
}

static void yield(void) {
    thread_t *from = current, *to = from->next;
    if (to == from) {
        return;
    }
    current = to;
    change(&from->sp, to->sp);
    for (thread_t *before = current; before->next != current;) {
        thread_t *thread = before->next;
        if (thread->over) {
            before->next = thread->next;
            give_back(thread);
        } else {
            before = thread;
        }
    }
}

static void begin(void) {
    current->entry(current->arg);
    current->over = true;
    for (;;) {
        yield();
    }
}

mp_state_thread_t *mp_thread_get_state(void) {
    return current->state;
}

void mp_thread_set_state(mp_state_thread_t *state) {
    current->state = state;
}

mp_uint_t mp_thread_get_id(void) {
    return (mp_uint_t)current;
}

void mp_thread_start(void) {
}

void mp_thread_finish(void) {
}

mp_uint_t mp_thread_create(void *(*entry)(void *), void *arg, size_t *stack_size) {
    size_t size = *stack_size ? MAX(*stack_size, LEAST_STACK) : DEFAULT_STACK;
    thread_t *thread = idf_malloc(MAX(sizeof(thread_t), TASK_BYTES));
    void *stack = thread ? idf_malloc(size) : NULL;
    if (!stack) {
        idf_free(thread);
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("can't create thread"));
    }
    uintptr_t *frame = (uintptr_t *)(((uintptr_t)stack + size) & ~15) - FRAME_WORDS;
    for (int i = 0; i < FRAME_WORDS; i++) {
        frame[i] = 0;
    }
    frame[0] = (uintptr_t)begin;
    *thread = (thread_t) { .next = current->next, .sp = frame, .stack = stack, .entry = entry, .arg = arg };
    current->next = thread;
    *stack_size = size - 1024;      // what its C code may use before MicroPython raises
    return (mp_uint_t)thread;
}

void mp_thread_mutex_init(mp_thread_mutex_t *mutex) {
    mutex->locked = 0;
}

int mp_thread_mutex_lock(mp_thread_mutex_t *mutex, int wait) {
    while (mutex->locked) {
        if (!wait) {
            return 0;
        }
        yield();
    }
    mutex->locked = 1;
    return 1;
}

void mp_thread_mutex_unlock(mp_thread_mutex_t *mutex) {
    mutex->locked = 0;
    yield();
}

// A soft reset: what the other threads hold is about to be swept.
void chip_end_threads(void) {
    while (current->next != current) {
        thread_t *thread = current->next;
        current->next = thread->next;
        if (thread != &main_thread) {
            give_back(thread);
        }
    }
    main_thread.next = &main_thread;
    current = &main_thread;
}

void __real_gc_collect_start(void);
void __wrap_gc_collect_start(void) {
    __real_gc_collect_start();
    for (thread_t *thread = current->next; thread != current; thread = thread->next) {
        gc_collect_root(&thread->arg, 1);
        if (thread->state) {
            gc_collect_root(thread->sp, ((uintptr_t)thread->state->stack_top - (uintptr_t)thread->sp) / sizeof(void *));
        }
    }
}
