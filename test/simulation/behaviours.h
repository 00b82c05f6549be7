// Plans turned into callables, hooks and observers.
#ifndef ENGIN_TEST_SIMULATION_BEHAVIOURS_H_
#define ENGIN_TEST_SIMULATION_BEHAVIOURS_H_

#include <memory>

#include "test/simulation/simulation.h"

namespace engin::simulation {

/// supervise() of plan number `task`.
TaskHandle hand_over(Simulation& simulation, Supervisor& supervisor, int task);
std::shared_ptr<Observer> make_recorder(Simulation& simulation);
std::shared_ptr<Observer> make_observer(Simulation& simulation, const ObserverPlan& plan);

}  // namespace engin::simulation

#endif  // ENGIN_TEST_SIMULATION_BEHAVIOURS_H_
