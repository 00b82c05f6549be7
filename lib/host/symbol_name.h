// The name of a function, for a person who reads an error.
#ifndef ENGIN_LIB_HOST_SYMBOL_NAME_H_
#define ENGIN_LIB_HOST_SYMBOL_NAME_H_

#include <string>

namespace engin::host {

/// "make_worker", without parameters; empty if it cannot be found, as in a program that was stripped. Reads the symbol
/// table of the file that the function came from: milliseconds.
std::string symbol_name(const void* function);

}  // namespace engin::host

#endif  // ENGIN_LIB_HOST_SYMBOL_NAME_H_
