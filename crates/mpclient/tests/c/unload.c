/* Loads and unloads the library again and again: nothing of it stays behind, and forking goes on. */
#include <dlfcn.h>
#include <sys/wait.h>

#include "check.h"

/* Finds a function: POSIX says that its address fits into an object pointer, ISO C does not. */
static void find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

typedef HRESULT(WINAPI *open_function)(DWORD, PMPHANDLE);
typedef HRESULT(WINAPI *close_function)(MPHANDLE);
typedef HRESULT(WINAPI *format_function)(MPHANDLE, HRESULT, LPWSTR *);
typedef void(WINAPI *free_function)(PVOID);

static void load_use_and_unload(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
    }
    CHECK(library != NULL);
    open_function open_it;
    close_function close_it;
    format_function format;
    free_function free_it;
    find(library, "MpManagerOpen", &open_it);
    find(library, "MpHandleClose", &close_it);
    find(library, "MpErrorMessageFormat", &format);
    find(library, "MpFreeMemory", &free_it);

    MPHANDLE manager = NULL;
    LPWSTR text = NULL;
    CHECK_HR(open_it(0, &manager), S_OK);
    CHECK_HR(format(manager, E_FAIL, &text), S_OK);
    free_it(text);
    CHECK_HR(close_it(manager), S_OK);
    CHECK(dlclose(library) == 0);
}

static void fork_and_wait(void) {
    int status = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int is_loaded(void) {
    char line[4096];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps)) {
        found |= strstr(line, "libmpclient") != NULL;
    }
    fclose(maps);
    return found;
}

int main(void) {
    const char *path = getenv("MPCLIENT_LIBRARY");
    CHECK(path != NULL);
    watch_for_a_hang(240);
    CHECK(!is_loaded());
    for (int i = 0; i < 100; i++) {
        load_use_and_unload(path);
        CHECK(count_threads() == 1);
    }
    printf("loaded_after_unloading=%d\n", is_loaded());
    fork_and_wait();
    return 0;
}
