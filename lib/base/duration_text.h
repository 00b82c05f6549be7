// Durations for people.
#ifndef ENGIN_LIB_BASE_DURATION_TEXT_H_
#define ENGIN_LIB_BASE_DURATION_TEXT_H_

#include <string>

#include "engin/detail/time.h"

namespace engin::base {

/// Rounded to what matters: "250 ms", "1.5 s", "14 s", "2 min 5 s", "2 h 3 min", "3 d 4 h".
std::string duration_text(Duration d);

/// Not rounded, for messages that say why a value was refused: "250 ms", "30.000000001 s", "90 s".
std::string exact_duration_text(Duration d);

/// Seconds as a decimal number with nine places, for machines: "12.000000250".
std::string seconds_text(Duration d);

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_DURATION_TEXT_H_
