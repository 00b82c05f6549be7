#include <new>
#include <ostream>
#include <string>

#include "base/mutex.h"
#include "engin/observers.h"
#include "supervisor/event_printer.h"

namespace engin {

namespace {

class TextObserver final : public Observer {
 public:
  explicit TextObserver(std::ostream& out) : out_(out) {}

  void on_event(const Event& event) override {
    const base::Lock lock(mutex_);
    lines_.clear();
    try {
      printer_.take(event, lines_);
    } catch (const std::bad_alloc&) {
      printer_.lost(1);
    }
    if (!lines_.empty()) out_ << lines_ << std::flush;
  }

 private:
  base::Mutex mutex_;
  std::ostream& out_;
  EventPrinter printer_ ABSL_GUARDED_BY(mutex_);
  std::string lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<Observer> text_observer(std::ostream& out) { return std::make_shared<TextObserver>(out); }

}  // namespace engin
