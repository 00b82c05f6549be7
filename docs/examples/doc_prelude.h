#ifndef ENGIN_DOCS_EXAMPLES_DOC_PRELUDE_H_
#define ENGIN_DOCS_EXAMPLES_DOC_PRELUDE_H_

// What the code blocks of the documents may use without declaring it: the usual parts of a service. Blocks are compiled
// but not linked, so declarations are enough. CONTRIBUTING.md says how blocks are read. Add what a text needs.

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

struct Message {};

struct Queue {
  bool pop(Message& message);  // blocks; throws once the queue is closed
  void close();
};

struct Cache {};

struct Stats {};

struct Connection {
  std::string read();                     // blocks
  void write(const std::string& answer);  // blocks
  void shut_down();                       // ends a read or write that blocks; they throw then
};

struct File {
  void flush();
};

inline Queue queue;
inline Cache cache;
inline Stats stats;
inline Connection connection;
inline File file;

void consume(Queue& queue, const std::stop_token& stop);
void handle(const Message& message);
void refresh(Cache& cache);
void report(const Stats& stats);
std::string compress(const std::string& text);  // computes for long

#endif  // ENGIN_DOCS_EXAMPLES_DOC_PRELUDE_H_
