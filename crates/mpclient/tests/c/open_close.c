/* Opens and closes a manager again and again: numbers are never used twice and nothing is leaked. */
#include "check.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

static size_t bytes_in_use(void) {
#ifdef __GLIBC__
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

int main(int argc, char **argv) {
    long pairs = argc > 1 ? atol(argv[1]) : 10000;
    uintptr_t last = 0;
    size_t before = 0;
    for (long i = 0; i < pairs; i++) {
        if (i == 10) {
            before = bytes_in_use();
        }
        MPHANDLE manager = open_manager();
        CHECK((uintptr_t)manager > last);
        last = (uintptr_t)manager;
        CHECK_HR(MpHandleClose(manager), S_OK);
        CHECK_HR(MpHandleClose(manager), E_WIN_INVALID_HANDLE);
    }
    CHECK(bytes_in_use() == before);
    check_no_other_threads();
    return 0;
}
