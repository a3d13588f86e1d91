// The compiler, for lwIP.
#include <stdint.h>
#include <sys/types.h>
#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(x)
