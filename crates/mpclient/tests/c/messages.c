/* Prints the message for each code of the command line, one a line. */
#include "check.h"

int main(int argc, char **argv) {
    MPHANDLE manager = open_manager();
    for (int i = 1; i < argc; i++) {
        LPWSTR text = NULL;
        HRESULT code = (HRESULT)(uint32_t)strtoul(argv[i], NULL, 16);
        CHECK_HR(MpErrorMessageFormat(manager, code, &text), S_OK);
        CHECK(text != NULL && text[0] != 0);
        printf("%s ", argv[i]);
        print_text(text);
        putchar('\n');
        MpFreeMemory(text);
    }
    CHECK_HR(MpHandleClose(manager), S_OK);
    return 0;
}
