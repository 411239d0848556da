// How every function of the shim reports: null, or a message that stays valid until the next call on the same thread. No
// exception leaves it. Tensors are pointers to at::Tensor, as tch passes them.

#pragma once

#include <exception>
#include <string>

inline std::string& last_error() {
    thread_local std::string message;
    return message;
}

template <typename Body>
const char* guarded(Body&& body) noexcept {
    try {
        body();
        return nullptr;
    } catch (const std::exception& error) {
        last_error() = error.what();
    } catch (...) {
        last_error() = "an exception of an unknown type";
    }
    return last_error().c_str();
}
