// update.cpp: updates the definitions, in C++17, with handles that close themselves.
//
//   update                          start it, say how far it is, wait for its end
//   update --cancel-after SECONDS   cancel it if it takes longer
//
// Returns 0 when the definitions are current, 1 when the update has failed or was cancelled, 64 for
// arguments that it does not know.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "MpClient.h"

namespace mp {

// UTF-16 as UTF-8.
std::string narrow(const WCHAR *text) {
    std::string out;
    while (*text != 0) {
        std::uint32_t c = *text++;
        if (c >= 0xD800 && c < 0xDC00 && *text != 0) {
            c = 0x10000 + ((c - 0xD800) << 10) + (*text++ - 0xDC00u);
        }
        const int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        const std::uint32_t first[] = {0x00, 0xC0, 0xE0, 0xF0};
        out += static_cast<char>(first[more] | c >> (6 * more));
        for (int i = more - 1; i >= 0; --i) {
            out += static_cast<char>(0x80 | (c >> (6 * i) & 0x3F));
        }
    }
    return out;
}

// Owns a handle of any kind, and closes it.
class Handle {
public:
    Handle() = default;
    explicit Handle(MPHANDLE handle) : handle_(handle) {}
    Handle(Handle &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Handle &operator=(Handle &&other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Handle() {
        if (handle_ != nullptr) {
            MpHandleClose(handle_);
        }
    }
    MPHANDLE get() const { return handle_; }
    // For functions that give a handle out; only while it holds none.
    MPHANDLE *out() { return &handle_; }

private:
    MPHANDLE handle_ = nullptr;
};

// A failed call.
class Error : public std::runtime_error {
public:
    Error(HRESULT code, const std::string &text) : std::runtime_error(text), code(code) {}
    HRESULT code;
};

// One step of an update, copied out of what a callback is given, since that is gone when it returns.
struct Step {
    MPNOTIFY notify;
    unsigned percent;
    std::string path;
};

// A running update. It cannot be moved: the library holds its address until it is closed.
class Update {
public:
    using Handler = std::function<void(const Step &)>;

    Update(MPHANDLE manager, DWORD options, Handler handler) : handler_(std::move(handler)) {
        MPCALLBACK_INFO callback = {&Update::called, this}; // copied by the library
        start_ = MpUpdateStart(manager, options | MPUPDATE_OPTION_ASYNC, &callback, handle_.out());
        if (FAILED(start_)) {
            done_.set_value(start_); // no handle, and no callback will come
        }
    }
    Update(const Update &) = delete;
    Update &operator=(const Update &) = delete;

    // Waits for its end; nothing if it has not ended in that time.
    std::optional<HRESULT> wait_for(std::chrono::seconds time) {
        if (result_.wait_for(time) != std::future_status::ready) {
            return std::nullopt;
        }
        return result_.get();
    }

    HRESULT wait() { return result_.get(); }

    // Cancels it. It returns at once, the end comes as always.
    HRESULT abort() { return MpUpdateControl(handle_.get(), MPCONTROL_ABORT); }

private:
    // Runs on a thread of the library. No exception may leave it.
    static HRESULT WINAPI called(PVOID context, PMPCALLBACK_DATA data) noexcept {
        auto &update = *static_cast<Update *>(context);
        if (data->Type != MPCALLBACK_SIGUPDATE) {
            return S_OK;
        }
        try {
            const MPSIGUPDATE_DATA &step = *data->Data.pSigUpdateData;
            update.handler_({data->Notify, step.dwPercentComplete, narrow(step.Path)});
        } catch (...) {
            // What a handler throws does not concern the update.
        }
        if (data->Notify == MPNOTIFY_SIGUPDATE_COMPLETE) { // the last one
            update.done_.set_value(data->hResult);
        }
        return S_OK;
    }

    Handler handler_;
    HRESULT start_ = S_OK;
    std::promise<HRESULT> done_;
    std::shared_future<HRESULT> result_ = done_.get_future().share();
    // The last member is destroyed first: when the others go, no callback can come any more.
    Handle handle_;
};

class Manager {
public:
    Manager() {
        const HRESULT code = MpManagerOpen(0, handle_.out());
        if (FAILED(code)) {
            throw Error(code, "the manager cannot be opened");
        }
    }

    MPHANDLE get() const { return handle_.get(); }

    // The sentence for a code. The library's text is freed by its own function.
    std::string message(HRESULT code) const {
        LPWSTR text = nullptr;
        const HRESULT formatted = MpErrorMessageFormat(handle_.get(), code, &text);
        const std::unique_ptr<WCHAR, void (*)(WCHAR *)> owner(text, [](WCHAR *t) { MpFreeMemory(t); });
        return FAILED(formatted) ? std::string("no text") : narrow(owner.get());
    }

private:
    Handle handle_;
};

} // namespace mp

static void print(const mp::Step &step) {
    switch (step.notify) {
    case MPNOTIFY_SIGUPDATE_SEARCH_START:
        std::cout << "searching " << step.path << std::endl;
        break;
    case MPNOTIFY_SIGUPDATE_DOWNLOAD_PROGRESS:
        std::cout << "downloading " << step.percent << " %" << std::endl;
        break;
    case MPNOTIFY_SIGUPDATE_INSTALL_PROGRESS:
        std::cout << "installing " << step.percent << " %" << std::endl;
        break;
    default:
        break;
    }
}

static void run(std::optional<std::chrono::seconds> limit) {
    const mp::Manager manager;
    mp::Update update(manager.get(), MPUPDATE_OPTION_PROGRESS, print);
    if (limit && !update.wait_for(*limit)) {
        update.abort();
    }
    const HRESULT code = update.wait();
    if (FAILED(code)) {
        throw mp::Error(code, manager.message(code));
    }
    std::cout << (code == S_FALSE ? "nothing was needed" : "updated") << std::endl;
}

int main(int argc, char **argv) {
    std::optional<std::chrono::seconds> limit;
    if (argc == 3 && std::string(argv[1]) == "--cancel-after") {
        limit = std::chrono::seconds(std::atol(argv[2]));
    } else if (argc != 1) {
        std::cerr << "usage: " << argv[0] << " [--cancel-after SECONDS]" << std::endl;
        return 64;
    }
    try {
        run(limit);
        return 0;
    } catch (const mp::Error &error) {
        std::printf("failed: 0x%08X %s\n", static_cast<unsigned>(error.code), error.what());
    } catch (const std::exception &error) {
        std::cerr << error.what() << std::endl;
    }
    return 1;
}
