// docs/contract.h names every public signature; that this file compiles and links is the test.
#include "docs/contract.h"

#include <gtest/gtest.h>

TEST(ContractTest, EverySignatureCompiles) { SUCCEED(); }
