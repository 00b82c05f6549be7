// What a host makes of its options: which values, in which order, for whom.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engin/engin.h"
#include "test/host/engin_kit.h"

namespace {

using namespace std::chrono_literals;
using engin::Engin;
using engin::Entrypoint;
using engin::Invoke;
using engin::Named;
using engin::Override;
using engin::Populate;
using engin::Provide;
using engin::Supervisor;
using engin::SupervisorOptions;
using engin::Supply;
using ::testing::ElementsAre;

TEST_F(EnginTest, EachNeededProviderRunsOnceInOrderAndValuesAreDestroyedInReverse) {
  {
    Engin app(Supply(std::ref(log)), Supply(options()),
              Provide([](Log& l, Part<1>&) { return std::make_unique<Part<2>>(l); }),
              Provide([](Log& l) { return Part<1>(l); }), Provide([](Log& l) { return std::make_shared<Part<3>>(l); }),
              Provide([](Log& l) { return Part<4>(l); }),
              Invoke([](Part<2>&, Part<1>&, Log& l) { l.push_back("invoke"); }), Entrypoint<Part<3>>());
    app.start();
    EXPECT_THAT(log, ElementsAre("make 1", "make 2", "make 3", "invoke"));
    app.stop();
    EXPECT_THAT(log, ElementsAre("make 1", "make 2", "make 3", "invoke", "destroy 3", "destroy 2", "destroy 1"));
  }
  EXPECT_EQ(log.size(), 7U);
}

TEST_F(EnginTest, WhatAHookOrAnObserverSharesIsDestroyedInItsTurn) {
  struct Silent : Part<3>, engin::Observer {
    using Part<3>::Part;
    void on_event(const engin::Event&) override {}
  };
  Engin app(Supply(std::ref(log)), Provide([](Log& l) { return Part<1>(l); }),
            Provide([](Log& l, Part<1>&) { return std::make_shared<Part<2>>(l); }),
            Provide([](Log& l, Part<1>&) { return std::make_shared<Silent>(l); }),
            Provide([this](std::shared_ptr<Silent> silent) {
              SupervisorOptions supervisor = options();
              supervisor.observers.push_back(silent);
              return supervisor;
            }),
            Invoke([](Supervisor&, engin::Lifecycle& lifecycle, std::shared_ptr<Part<2>> part) {
              lifecycle.hook({.name = "part", .on_stop = [part] {}});
            }));
  app.start();
  app.stop();
  ASSERT_EQ(log.size(), 6U);
  EXPECT_EQ(log.back(), "destroy 1") << "which the others may use in their destructors";
}

struct Shape {
  virtual ~Shape() = default;
  virtual std::string name() const = 0;
};
struct Tag {
  int tag = 7;
};
struct Circle : Tag, Shape {
  std::string name() const override { return "circle"; }
};
struct Square : Tag, Shape {
  std::string name() const override { return "square"; }
};

TEST_F(EnginTest, InterfacesNamesAndCollectionsArriveAsTheRightObject) {
  std::vector<std::string> seen;
  std::shared_ptr<Shape> kept;
  Engin app(Supply(options()), Provide([] { return std::make_unique<Circle>(); }).as<Shape>(),
            Provide([] { return Square(); }).as<Shape>().as<Tag>().named("second"),
            Invoke([&](std::vector<std::reference_wrapper<const Shape>> all) {
              for (const Shape& shape : all) seen.push_back(shape.name());
            }),
            Invoke([&](Named<Shape, "second"> shape, Named<const Tag, "second"> tag, std::shared_ptr<Shape> only) {
              seen.push_back(shape->name());
              seen.push_back(std::to_string(tag->tag));
              kept = only;
            }));
  app.start();
  EXPECT_THAT(seen, ElementsAre("circle", "square", "square", "7"));
  EXPECT_EQ(app.stop(), 0);
  EXPECT_EQ(kept->name(), "circle") << "a share outlives the Engin";
}

struct Deps {
  Deps(Log& l, const Tag& t, std::shared_ptr<Circle> c, Named<Tag, "n"> n, Circle* p)
      : text(c->name() + std::to_string(t.tag) + std::to_string(n->tag)), same(p == c.get()) {
    l.push_back("made");
  }
  std::string text;
  bool same;
};

TEST_F(EnginTest, AConstructorGetsWhatItsParametersAskFor) {
  Deps* deps = nullptr;
  Engin app(Supply(options()), Supply(std::ref(log)), Supply(Tag{1}), Supply(Tag{2}).named("n"), Provide<Circle>(),
            Provide<Deps>(), Populate(deps));
  app.start();
  ASSERT_NE(deps, nullptr);
  EXPECT_EQ(deps->text, "circle12");
  EXPECT_TRUE(deps->same);
}

struct Factory {
  std::unique_ptr<Circle> make(const Tag& t) {
    made = t.tag;
    return std::make_unique<Circle>();
  }
  int made = 0;
};

TEST_F(EnginTest, MemberFunctionsAreCalledOnTheInjectedObject) {
  Factory* factory = nullptr;
  Circle* circle = nullptr;
  Engin app(Supply(options()), Supply(Tag{9}), Supply(Factory()), Provide(&Factory::make), Populate(factory),
            Populate(circle));
  app.start();
  EXPECT_EQ(factory->made, 9);
  EXPECT_EQ(circle->name(), "circle");
}

TEST_F(EnginTest, AnOverrideIsWhatEverybodyGets) {
  Tag* tag = nullptr;
  Engin app(Override(Supply(Tag{2})), Supply(options()), Provide([](Log&) { return Tag{1}; }), Populate(tag));
  app.start();
  EXPECT_EQ(tag->tag, 2);
}

TEST_F(EnginTest, SupervisorOptionsMayBeProvidedFromOtherValues) {
  std::string name;
  Engin app(Supply(Tag{5}), Provide([this](const Tag& t) {
              SupervisorOptions made = options();
              made.name = "shard " + std::to_string(t.tag);
              return made;
            }),
            Invoke([&](Supervisor& s) { name = s.snapshot().name; }));
  app.start();
  EXPECT_EQ(name, "shard 5");
}

}  // namespace
