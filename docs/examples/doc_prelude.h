#pragma once

// What the code blocks of the documents may use without declaring it: a service's usual parts. Blocks are compiled,
// not linked, so declarations are enough. CONTRIBUTING.md says how blocks are read.

#include <chrono>
#include <memory>
#include <string>

