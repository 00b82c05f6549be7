#include "service.h"

int main() { return engin::Engin(engin::Supply(service::Config::from_environment()), service::all()).run(); }
