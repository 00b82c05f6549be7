#pragma once

// ENGIN_EXPORT marks what the shared library shows; everything else is hidden. The build defines ENGIN_SHARED for the
// shared library and for whoever links it, and ENGIN_BUILDING only while the library itself is compiled.
//
// A type that travels through an exception, a dynamic_cast or a typeid across the library's border needs it too: a
// hidden type has one identity per shared object.

#if defined(_WIN32) && defined(ENGIN_SHARED)
#if defined(ENGIN_BUILDING)
#define ENGIN_EXPORT __declspec(dllexport)
#else
#define ENGIN_EXPORT __declspec(dllimport)
#endif
#else
#define ENGIN_EXPORT __attribute__((visibility("default")))
#endif
