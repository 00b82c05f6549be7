// What the options say, before anything runs.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engin/engin.h"

namespace {

using engin::AssemblyError;
using engin::Block;
using engin::Engin;
using engin::Entrypoint;
using engin::Invoke;
using engin::Named;
using engin::Override;
using engin::Populate;
using engin::Provide;
using engin::Supply;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Config {
  std::string url = "somewhere";
};
struct Pool {};
struct Worker {};
struct Mailer {};
struct Clock {
  virtual ~Clock() = default;
  virtual int now() const { return 0; }
};
struct FakeClock : Clock {
  int now() const override { return 42; }
};
namespace other {
struct Pool {};
}  // namespace other

Pool make_pool(const Config&) { return {}; }
std::shared_ptr<Worker> make_worker(Pool&) { return std::make_shared<Worker>(); }

// The errors of check(), none if it is content.
template <class... O>
std::vector<std::string> errors_of(O... options) {
  Engin app(std::move(options)...);
  try {
    app.check();
  } catch (const AssemblyError& error) {
    return error.errors();
  }
  return {};
}

TEST(AssemblyTest, WhatIsProvidedSatisfiesEveryFormOfParameter) {
  auto use = [](Pool&, const Pool&, Pool*, const Pool*, std::shared_ptr<Pool>, const std::shared_ptr<const Pool>&) {};
  EXPECT_THAT(errors_of(Supply(Config()), Provide(make_pool), Invoke(use)), IsEmpty());
  EXPECT_THAT(errors_of(Provide([] { return std::make_unique<Pool>(); }), Invoke(use)), IsEmpty());
  EXPECT_THAT(errors_of(Provide([] { return std::make_shared<Pool>(); }), Invoke(use)), IsEmpty());
  EXPECT_THAT(errors_of(Supply(std::make_unique<Pool>()), Invoke(use)), IsEmpty());
}

TEST(AssemblyTest, SupervisorAndLifecycleAreThereWithoutAsking) {
  EXPECT_THAT(errors_of(Invoke([](engin::Supervisor&, engin::Lifecycle&) {})), IsEmpty());
}

TEST(AssemblyTest, AMissingProviderIsNamedWithTheWholePath) {
  EXPECT_THAT(errors_of(Provide(make_worker), Entrypoint<Worker>()),
              ElementsAre(AllOf(HasSubstr("Entrypoint<Worker> (assembly_test.cc:"),
                                HasSubstr("needs Worker <- make_worker (assembly_test.cc:"),
                                HasSubstr(") needs Pool: nothing provides it"), Not(HasSubstr("did you mean")))));
}

TEST(AssemblyTest, AllErrorsAreListedInOneException) {
  Engin app(Provide(make_worker), Entrypoint<Worker>(), Entrypoint<Mailer>(), Supply(Config()), Supply(Config()),
            Override(Supply(FakeClock())));
  try {
    app.check();
    FAIL() << "no error";
  } catch (const AssemblyError& error) {
    EXPECT_EQ(error.errors().size(), 4U);
    for (const std::string& one : error.errors()) EXPECT_THAT(error.what(), HasSubstr(one));
  }
  EXPECT_THROW(app.check(), AssemblyError) << "again";
  EXPECT_THROW(app.graph(), AssemblyError);
}

TEST(AssemblyTest, AMissingProviderComesWithWhatWasPerhapsMeant) {
  EXPECT_THAT(errors_of(Supply(other::Pool()), Invoke([](Pool&) {})),
              ElementsAre(HasSubstr("needs Pool: nothing provides it; did you mean other::Pool?")));
  EXPECT_THAT(errors_of(Supply(std::optional<Pool>()), Invoke([](Pool&) {})),
              ElementsAre(HasSubstr("did you mean std::optional<Pool>?")));
  EXPECT_THAT(errors_of(Supply(Pool()).named("primary"), Invoke([](Pool&) {})),
              ElementsAre(HasSubstr("did you mean Named<Pool, \"primary\">?")));
  EXPECT_THAT(errors_of(Supply(Pool()), Invoke([](Named<Pool, "primary">) {})),
              ElementsAre(HasSubstr("needs Named<Pool, \"primary\">: nothing provides it; did you mean Pool?")));
  EXPECT_THAT(errors_of(Supply(std::make_shared<const Pool>()), Invoke([](Pool&) {})),
              ElementsAre(HasSubstr("provides it const; did you mean const Pool&?")));
  Pool pool;
  EXPECT_THAT(errors_of(Supply(std::ref(pool)), Invoke([](std::shared_ptr<Pool>) {})),
              ElementsAre(HasSubstr("nothing owns it; did you mean Pool&?")));
}

TEST(AssemblyTest, AWordInsideAnotherIsNoHint) {
  struct PoolTable {};
  EXPECT_THAT(errors_of(Supply(PoolTable()), Invoke([](Pool&) {})), ElementsAre(Not(HasSubstr("did you mean"))));
}

TEST(AssemblyTest, AMissingProviderIsReportedOnceForEachThatNeedsIt) {
  EXPECT_THAT(errors_of(Provide(make_worker), Entrypoint<Worker>(), Invoke([](Worker&) {}), Invoke([](Pool&) {})),
              ElementsAre(HasSubstr("make_worker"), HasSubstr("Invoke(a lambda)")));
}

struct A {};
struct B {};
A make_a(B&) { return {}; }
B make_b(A&) { return {}; }

TEST(AssemblyTest, ACycleIsShownWhole) {
  EXPECT_THAT(
      errors_of(Provide(make_a), Provide(make_b), Invoke([](A&) {})),
      ElementsAre(AllOf(HasSubstr("A <- make_a"), HasSubstr(" needs B <- make_b"), HasSubstr(" needs A: a cycle"))));
  EXPECT_THAT(errors_of(Provide([](A&) { return A(); }), Entrypoint<A>()), ElementsAre(HasSubstr("needs A: a cycle")));
}

TEST(AssemblyTest, TheEnginsOwnOptionsCanBePartOfACycle) {
  EXPECT_THAT(errors_of(Provide([](engin::Supervisor&) { return engin::SupervisorOptions(); })),
              ElementsAre(HasSubstr("engin::Supervisor <- the Engin needs engin::SupervisorOptions <- a lambda")));
}

TEST(AssemblyTest, ProvidingTheSameTwiceIsAnError) {
  EXPECT_THAT(errors_of(Supply(Config()), Provide([] { return Config(); }), Invoke([](Config&) {})),
              ElementsAre(AllOf(HasSubstr("Config is provided more than once: Config <- Supply (assembly_test.cc:"),
                                HasSubstr(", Config <- a lambda (assembly_test.cc:"))));
  EXPECT_THAT(errors_of(Supply(Pool()).named("a"), Supply(Pool()).named("a")),
              ElementsAre(HasSubstr("Named<Pool, \"a\"> is provided more than once")));
  EXPECT_THAT(errors_of(Supply(Pool()).named("a"), Supply(Pool()).named("b"), Supply(Pool())), IsEmpty());
}

TEST(AssemblyTest, OneOfSeveralThatFormACollectionIsAmbiguous) {
  auto all = [](std::vector<std::reference_wrapper<Clock>>) {};
  EXPECT_THAT(errors_of(Supply(Clock()), Supply(FakeClock()).as<Clock>(), Invoke(all)), IsEmpty());
  EXPECT_THAT(errors_of(Supply(Clock()), Supply(FakeClock()).as<Clock>(), Invoke(all), Invoke([](Clock&) {})),
              ElementsAre(HasSubstr("needs one Clock, but there are several: Clock <- Supply")));
}

TEST(AssemblyTest, ACollectionMayBeEmptyButNotConstWhereItIsToBeChanged) {
  EXPECT_THAT(errors_of(Invoke([](const std::vector<std::reference_wrapper<Clock>>&) {})), IsEmpty());
  EXPECT_THAT(errors_of(Supply(std::make_shared<const FakeClock>()).as<Clock>(),
                        Invoke([](std::vector<std::reference_wrapper<const Clock>>) {})),
              IsEmpty());
  EXPECT_THAT(
      errors_of(Supply(std::make_shared<const Clock>()), Invoke([](std::vector<std::reference_wrapper<Clock>>) {})),
      ElementsAre(HasSubstr("did you mean const Clock&?")));
}

TEST(AssemblyTest, AnInterfaceHidesWhatImplementsIt) {
  EXPECT_THAT(errors_of(Supply(FakeClock()).as<Clock>(), Invoke([](Clock&) {})), IsEmpty());
  EXPECT_THAT(errors_of(Supply(FakeClock()).as<Clock>(), Invoke([](FakeClock&) {})),
              ElementsAre(HasSubstr("needs FakeClock: nothing provides it")));
  EXPECT_THAT(errors_of(Supply(FakeClock()).as<Clock>().as<Clock>(), Invoke([](Clock&) {})), IsEmpty());
  EXPECT_THAT(errors_of(Supply(FakeClock()).as<Clock>().as<FakeClock>(), Invoke([](FakeClock&, Clock&) {})), IsEmpty());
}

TEST(AssemblyTest, AnOverrideReplacesWhereverItStands) {
  EXPECT_THAT(errors_of(Override(Supply(Pool())), Provide(make_pool), Invoke([](Pool&) {})), IsEmpty())
      << "and what only the overridden one needs is not needed";
  EXPECT_THAT(errors_of(Block("production", Provide(make_pool)), Override(Supply(Pool())), Invoke([](Pool&) {})),
              IsEmpty());
  EXPECT_THAT(errors_of(Override(Supply(Pool())), Supply(other::Pool())),
              ElementsAre(AllOf(HasSubstr("there is nothing to override"), HasSubstr("did you mean other::Pool?"))));
  EXPECT_THAT(errors_of(Supply(Pool()), Override(Supply(Pool()).named("primary"))),
              ElementsAre(HasSubstr("there is nothing to override; did you mean Pool?")));
  EXPECT_THAT(errors_of(Supply(Pool()), Override(Supply(Pool())), Override(Supply(Pool()))),
              ElementsAre(HasSubstr("more than once")));
}

TEST(AssemblyTest, TheEnginsOwnCannotBeReplaced) {
  engin::Supervisor supervisor;
  EXPECT_THAT(errors_of(Supply(std::ref(supervisor))), ElementsAre(HasSubstr("Supervisor <- the Engin")));
  EXPECT_THAT(errors_of(Override(Supply(std::ref(supervisor)))), Not(IsEmpty()));
}

TEST(AssemblyTest, BlocksAreNamedInErrors) {
  EXPECT_THAT(errors_of(Block("outer", Block("inner", Provide(make_pool)), Block(Invoke([](Pool&) {})))),
              ElementsAre(AllOf(HasSubstr("Invoke(a lambda) (outer, assembly_test.cc:"),
                                HasSubstr("Pool <- make_pool (outer/inner, assembly_test.cc:"))));
}

TEST(AssemblyTest, WhatNothingNeedsIsNamedOnce) {
  Engin app(Supply(Config()), Provide(make_pool), Provide(make_worker), Invoke([](const Config&) {}));
  ::testing::internal::CaptureStderr();
  app.check();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("engin: nothing needs Pool <- make_pool"), HasSubstr(", Worker <- make_worker"),
                    Not(HasSubstr("Config"))));
  ::testing::internal::CaptureStderr();
  app.check();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

struct ByReferences {
  ByReferences(const Config&, Pool&) {}
};
struct ByPointers {
  ByPointers(std::shared_ptr<Pool>, const std::shared_ptr<const Pool>&, Pool*, const Config*) {}
};
struct ByNames {
  explicit ByNames(Named<Pool, "primary">, std::vector<std::reference_wrapper<Clock>>) {}
};
struct Two {
  explicit Two(Config&) {}
  Two(Config&, Pool&) {}
};
struct Nothing {};
struct Aggregate {
  Config& config;
  Pool& pool;
};

TEST(AssemblyTest, AConstructorsParametersAreFoundOut) {
  EXPECT_THAT(errors_of(Provide<ByReferences>(), Entrypoint<ByReferences>()),
              ElementsAre(HasSubstr("ByReferences <- ByReferences()"), HasSubstr("needs Pool")));
  EXPECT_THAT(errors_of(Provide<ByPointers>(), Entrypoint<ByPointers>()),
              ElementsAre(HasSubstr("needs std::shared_ptr<Pool>"), HasSubstr("needs std::shared_ptr<Pool>"),
                          HasSubstr("needs Pool"), HasSubstr("needs Config")));
  EXPECT_THAT(errors_of(Provide<ByNames>(), Entrypoint<ByNames>()),
              ElementsAre(HasSubstr("needs Named<Pool, \"primary\">")));
  EXPECT_THAT(errors_of(Provide<Nothing>(), Entrypoint<Nothing>()), IsEmpty());
  EXPECT_THAT(errors_of(Provide<Aggregate>(), Entrypoint<Aggregate>()),
              ElementsAre(HasSubstr("needs Config"), HasSubstr("needs Pool")));
}

TEST(AssemblyTest, AConstructorsParametersMayBeNamed) {
  EXPECT_THAT(errors_of(Provide<Two(Config&, Pool&)>(), Entrypoint<Two>()),
              ElementsAre(HasSubstr("needs Config"), HasSubstr("needs Pool")));
  EXPECT_THAT(errors_of(Provide<Two(Config&)>(), Entrypoint<Two>()), ElementsAre(HasSubstr("needs Config")));
}

struct Factory {
  Pool make(const Config&) { return {}; }
  Worker make_const(Pool&) const noexcept { return {}; }
};

TEST(AssemblyTest, AMemberFunctionNeedsItsObjectToo) {
  EXPECT_THAT(
      errors_of(Provide(&Factory::make), Provide(&Factory::make_const), Entrypoint<Worker>()),
      ElementsAre(HasSubstr("Worker <- a member function"), HasSubstr("needs Factory"), HasSubstr("needs Config")));
}

TEST(AssemblyTest, CallablesMayBeMoveOnlyAndOfManyKinds) {
  auto unique = std::make_unique<int>(1);
  std::function<Mailer(Pool&)> function = [](Pool&) { return Mailer(); };
  EXPECT_THAT(errors_of(Provide([unique = std::move(unique)](const Config&) noexcept { return Pool(); }),
                        Supply(Config()), Provide(function), Entrypoint<Mailer>()),
              IsEmpty());
}

struct Undefined;  // only ever referred to

TEST(AssemblyTest, ATypeNeedNotBeCompleteWhereItIsAskedFor) {
  EXPECT_THAT(errors_of(Invoke([](Undefined&, std::shared_ptr<Undefined>) {})),
              ElementsAre(HasSubstr("needs Undefined"), HasSubstr("needs std::shared_ptr<Undefined>")));
}

engin::Option storage() { return Block("storage", Supply(Config()), Provide(make_pool)); }

TEST(AssemblyTest, TheGraphSaysWhoNeedsWhatAndInWhichOrder) {
  Engin app(storage(), Provide(make_worker), Provide<Mailer>(), Invoke([](const Worker&) {}));
  ::testing::internal::CaptureStderr();
  const engin::Graph graph = app.graph();
  ::testing::internal::GetCapturedStderr();
  ASSERT_EQ(graph.nodes.size(), 7U);
  EXPECT_EQ(graph.nodes[0].type, "engin::Supervisor");
  EXPECT_EQ(graph.nodes[1].type, "engin::Lifecycle");
  EXPECT_EQ(graph.nodes[2].type, "Config");
  EXPECT_EQ(graph.nodes[2].block, "storage");
  EXPECT_EQ(graph.nodes[3].by, "make_pool");
  EXPECT_THAT(graph.nodes[3].needs, ElementsAre(2U));
  EXPECT_THAT(graph.nodes[4].needs, ElementsAre(3U));
  EXPECT_EQ(graph.nodes[5].order, 0U) << "nothing needs it";
  EXPECT_EQ(graph.nodes[6].kind, engin::Graph::Kind::Invoke);
  EXPECT_LT(graph.nodes[2].order, graph.nodes[3].order);
  EXPECT_EQ(graph.nodes[6].order, 6U);
  const std::string text = graph.graphviz();
  EXPECT_THAT(text, HasSubstr("n2 -> n3;"));
  EXPECT_THAT(text, HasSubstr("label=\"storage\";"));
  EXPECT_THAT(text, HasSubstr("n3 [label=\"4. Pool\\nmake_pool\"];"));
  EXPECT_THAT(text, HasSubstr("dashed"));
}

}  // namespace
