// What the shared library shows.
#ifndef ENGIN_DETAIL_EXPORT_H_
#define ENGIN_DETAIL_EXPORT_H_

// ENGIN_EXPORT marks what the shared library shows; everything else is hidden. The build defines ENGIN_SHARED for the
// shared library and for whoever links it, and ENGIN_BUILDING only while the library itself is compiled.
//
// A type that travels through an exception, a dynamic_cast or a typeid across the library's border needs it too: a
// hidden type has one identity per shared object.

#if !defined(_WIN32)
#define ENGIN_EXPORT __attribute__((visibility("default")))
#elif !defined(ENGIN_SHARED)
#define ENGIN_EXPORT
#elif defined(ENGIN_BUILDING)
#define ENGIN_EXPORT __declspec(dllexport)
#else
#define ENGIN_EXPORT __declspec(dllimport)
#endif

#endif  // ENGIN_DETAIL_EXPORT_H_
