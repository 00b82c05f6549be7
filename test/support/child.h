// A child process under test.
#ifndef ENGIN_TEST_SUPPORT_CHILD_H_
#define ENGIN_TEST_SUPPORT_CHILD_H_

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace engin::test {

/// A child with its standard output and error in one pipe, its standard input in another. Killed if it does not end in
/// time.
class Child {
 public:
  /// Runs `program`, one of the test programs of this folder.
  Child(const std::string& program, const char* mode) {
    int ends[2];
    int input[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || pipe2(input, O_CLOEXEC) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      dup2(input[0], STDIN_FILENO);
      dup2(ends[1], STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      execl(program.c_str(), program.c_str(), mode, nullptr);
      _exit(98);
    }
    close(ends[1]);
    close(input[0]);
    output_end_ = ends[0];
    input_end_ = input[1];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!reaped_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(output_end_);
    close(input_end_);
  }

  void send(int signal) const { kill(pid_, signal); }
  /// To its standard input.
  void write(std::string_view text) const {
    if (::write(input_end_, text.data(), text.size()) < 0) std::abort();
  }

  /// False if it did not print that within ten seconds.
  bool wait_for(const std::string& text) {
    while (output_.find(text) == std::string::npos) {
      if (!read_some()) return false;
    }
    return true;
  }

  /// As a shell tells it: the status it exited with, or 128 + n if a signal ended it; -1 if it hangs.
  int status() {
    while (read_some()) {
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    int status = 0;
    while (waitpid(pid_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > deadline) return -1;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    reaped_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& output() const { return output_; }

 private:
  bool read_some() {
    pollfd waiting{.fd = output_end_, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 10'000) <= 0) return false;
    char buffer[4096];
    const ssize_t got = read(output_end_, buffer, sizeof buffer);
    if (got <= 0) return false;
    output_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  pid_t pid_ = 0;
  int output_end_ = -1;
  int input_end_ = -1;
  bool reaped_ = false;
  std::string output_;
};

}  // namespace engin::test

#endif  // ENGIN_TEST_SUPPORT_CHILD_H_
