/* Version text. */
#pragma once

#define BULKHEAD_VERSION "0.1"
