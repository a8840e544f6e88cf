// uWebSockets: answers inside the message handler, where it corks by itself, as its docs advise.
//
// Built three times by `cargo xtask bench`: without zlib and OpenSSL for the plain modes, with zlib for `deflate`, with
// OpenSSL for `tls`.

#include "App.h"

#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

struct Nothing {};

template <typename App>
typename App::template WebSocketBehavior<Nothing> settings(bool deflate) {
    typename App::template WebSocketBehavior<Nothing> settings = {};
    if (deflate) {
        // Shared means that nothing is kept from message to message: no context takeover. Level 6, window 15.
        settings.compression = uWS::CompressOptions(uWS::SHARED_COMPRESSOR | uWS::SHARED_DECOMPRESSOR);
    }
    settings.maxPayloadLength = 16 * 1024 * 1024;
    settings.maxBackpressure = 16 * 1024 * 1024;
    settings.idleTimeout = 960;
    return settings;
}

// Answers or publishes, depending on the mode.
template <typename App>
void serve(App app, const std::string &mode, int port) {
    bool deflate = mode == "deflate";
    if (mode == "fanout") {
        auto subscriber = settings<App>(deflate);
        subscriber.open = [](auto *ws) { ws->subscribe("topic"); };
        auto publisher = settings<App>(deflate);
        // A connection that is not subscribed itself publishes through the app.
        publisher.message = [&app](auto *, std::string_view message, uWS::OpCode opCode) {
            app.publish("topic", message, opCode);
        };
        app.template ws<Nothing>("/sub", std::move(subscriber));
        app.template ws<Nothing>("/pub", std::move(publisher));
    } else {
        auto echo = settings<App>(deflate);
        echo.message = [deflate](auto *ws, std::string_view message, uWS::OpCode opCode) {
            ws->send(message, opCode, deflate);
        };
        app.template ws<Nothing>("/*", std::move(echo));
    }
    app.listen("127.0.0.1", port, [port](auto *socket) {
        if (!socket) {
            std::cerr << "error: cannot listen on port " << port << std::endl;
            std::exit(1);
        }
        std::cout << "ready" << std::endl;
    });
    app.run();
}

int main(int argc, char **argv) {
    std::map<std::string, std::string> options;
    for (int i = 1; i + 1 < argc; i += 2) {
        options[argv[i]] = argv[i + 1];
    }
    std::string mode = options["--mode"];
    int port = std::atoi(options["--port"].c_str());
#if defined(LIBUS_USE_OPENSSL)
    if (mode == "tls") {
        uWS::SocketContextOptions files = {};
        files.key_file_name = options["--key"].c_str();
        files.cert_file_name = options["--cert"].c_str();
        serve(uWS::SSLApp(files), mode, port);
        return 1;
    }
#elif !defined(UWS_NO_ZLIB)
    if (mode == "deflate") {
        serve(uWS::App(), mode, port);
        return 1;
    }
#else
    if (mode == "echo" || mode == "fanout") {
        serve(uWS::App(), mode, port);
        return 1;
    }
#endif
    return 3;
}
