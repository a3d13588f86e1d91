// A mutex of the emulated chip's threads (thread.c).
typedef struct { volatile int locked; } mp_thread_mutex_t;
