/* Loads and unloads the library as often as the command line says, with an update in between where it
 * says "update": no thread of the library stays behind, and forking goes on. */
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
typedef HRESULT(WINAPI *update_function)(MPHANDLE, DWORD, PMPCALLBACK_INFO, PMPHANDLE);

static volatile int completed;

static HRESULT WINAPI tell(PVOID context, PMPCALLBACK_DATA data) {
    (void)context;
    completed += data->Notify == MPNOTIFY_SIGUPDATE_COMPLETE;
    return S_OK;
}

/* Updates, and is told of all of it. */
static void run_an_update(void *library, MPHANDLE manager) {
    update_function update;
    close_function close_it;
    find(library, "MpUpdateStart", &update);
    find(library, "MpHandleClose", &close_it);
    MPCALLBACK_INFO callback = {tell, NULL};
    MPHANDLE handle = NULL;
    completed = 0;
    HRESULT code = update(manager, MPUPDATE_OPTION_PROGRESS, &callback, &handle);
    CHECK(code == S_OK || code == S_FALSE);
    CHECK(completed == 1);
    CHECK_HR(close_it(handle), S_OK);
}

static void load_use_and_unload(const char *path, int with_an_update) {
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
    if (with_an_update) {
        run_an_update(library, manager);
    }
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

int main(int argc, char **argv) {
    const char *path = getenv("MPCLIENT_LIBRARY");
    CHECK(path != NULL && argc > 1);
    int with_an_update = argc > 2 && strcmp(argv[2], "update") == 0;
    watch_for_a_hang(240);
    CHECK(!is_loaded());
    for (int i = 0; i < atoi(argv[1]); i++) {
        load_use_and_unload(path, with_an_update);
        check_no_other_threads();
    }
    printf("loaded_after_unloading=%d\n", is_loaded());
    fork_and_wait();
    return 0;
}
