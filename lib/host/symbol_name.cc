#include "host/symbol_name.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

namespace engin::host {

namespace {

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(symbol, nullptr, nullptr, &status), &std::free);
  std::string name = text != nullptr ? text.get() : symbol;
  // "app::(anonymous namespace)::make_pool(Config const&)"
  const std::string anonymous = "(anonymous namespace)::";
  for (auto at = name.find(anonymous); at != std::string::npos; at = name.find(anonymous)) {
    name.erase(at, anonymous.size());
  }
  return name.substr(0, name.find('('));
}

template <class T>
bool read_at(std::ifstream& file, std::uint64_t offset, T* to, std::size_t count) {
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(to), static_cast<std::streamsize>(sizeof(T) * count));
  return static_cast<bool>(file);
}

// The linker keeps local functions and those of a program out of the dynamic table that dladdr reads, so the file's own
// table is searched.
std::string name_in_file(const char* path, std::uintptr_t base, std::uintptr_t address) {
  std::ifstream file(path, std::ios::binary);
  ElfW(Ehdr) header;
  if (!file || !read_at(file, 0, &header, 1) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return {};
  const std::uintptr_t value = header.e_type == ET_DYN ? address - base : address;
  std::vector<ElfW(Shdr)> sections(header.e_shnum);
  if (!read_at(file, header.e_shoff, sections.data(), sections.size())) return {};
  for (const ElfW(Shdr) & section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    std::vector<ElfW(Sym)> symbols(section.sh_size / sizeof(ElfW(Sym)));
    const ElfW(Shdr)& strings = sections[section.sh_link];
    std::vector<char> text(strings.sh_size + 1, '\0');
    if (!read_at(file, section.sh_offset, symbols.data(), symbols.size())) return {};
    if (!read_at(file, strings.sh_offset, text.data(), strings.sh_size)) return {};
    for (const ElfW(Sym) & symbol : symbols) {
      if ((symbol.st_info & 0xf) == STT_FUNC && symbol.st_value == value && symbol.st_name < strings.sh_size) {
        return demangled(&text[symbol.st_name]);
      }
    }
  }
  return {};
}

}  // namespace

std::string symbol_name(const void* function) {
  Dl_info info;
  if (function == nullptr || dladdr(function, &info) == 0) return {};
  if (info.dli_sname != nullptr && info.dli_saddr == function) return demangled(info.dli_sname);
  // A program's own path may be relative to a directory that is no longer the current one.
  if (info.dli_fname == nullptr) return {};
  const auto base = reinterpret_cast<std::uintptr_t>(info.dli_fbase);
  const auto address = reinterpret_cast<std::uintptr_t>(function);
  std::string name = name_in_file(info.dli_fname, base, address);
  return name.empty() ? name_in_file("/proc/self/exe", base, address) : name;
}

}  // namespace engin::host
