# Install rules: the library, its headers, the CMake package and the pkg-config module. All paths in what is installed
# are relative, so the tree may be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_target_property(engin_type engin TYPE)
set(engin_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/engin")

install(TARGETS engin EXPORT engin_targets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT engin_targets NAMESPACE engin:: FILE engin-targets.cmake DESTINATION "${engin_package_dir}")

if(engin_type STREQUAL "SHARED_LIBRARY")
  set(ENGIN_STATIC OFF)
else()
  set(ENGIN_STATIC ON)
endif()
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/engin-config.cmake.in"
  "${PROJECT_BINARY_DIR}/engin-config.cmake" INSTALL_DESTINATION "${engin_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/engin-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/engin-config.cmake" "${PROJECT_BINARY_DIR}/engin-config-version.cmake"
  DESTINATION "${engin_package_dir}")

# pkg-config: who links the static library needs everything it uses; who links the shared one needs what the public
# headers use, and the rest only with `pkg-config --static`.
list(TRANSFORM ENGIN_ABSL_PUBLIC PREPEND absl_ OUTPUT_VARIABLE engin_requires)
list(TRANSFORM ENGIN_ABSL_PRIVATE PREPEND absl_ OUTPUT_VARIABLE engin_requires_private)
list(APPEND engin_requires_private tbb)
set(engin_libs "-pthread")
list(JOIN CMAKE_DL_LIBS " -l" engin_libs_private)
if(engin_libs_private)
  string(PREPEND engin_libs_private "-l")
endif()
set(engin_cflags "-pthread")
if(ENGIN_STATIC)
  list(APPEND engin_requires ${engin_requires_private})
  set(engin_requires_private "")
  string(APPEND engin_libs " ${engin_libs_private}")
  set(engin_libs_private "")
else()
  string(APPEND engin_cflags " -DENGIN_SHARED")
endif()
list(JOIN engin_requires ", " ENGIN_PC_REQUIRES)
list(JOIN engin_requires_private ", " ENGIN_PC_REQUIRES_PRIVATE)
set(ENGIN_PC_LIBS "${engin_libs}")
set(ENGIN_PC_LIBS_PRIVATE "${engin_libs_private}")
set(ENGIN_PC_CFLAGS "${engin_cflags}")
foreach(dir IN ITEMS LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
    set(ENGIN_PC_${dir} "${CMAKE_INSTALL_${dir}}")
  else()
    set(ENGIN_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(ENGIN_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH engin_up "/root/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/root")
  string(REGEX REPLACE "/$" "" engin_up "${engin_up}")
  set(ENGIN_PC_PREFIX "\${pcfiledir}/${engin_up}")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/engin.pc.in" "${PROJECT_BINARY_DIR}/engin.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/engin.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
