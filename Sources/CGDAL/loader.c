// Finds GDAL when its first function is called.
#include "CGDAL.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "loader.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void *library;
static char failure[512];

// The interface number that the headers belong to: GDAL 3.6 is libgdal.so.32, and every minor version since 3.0 is one more.
static void load(void) {
  char name[64];
  snprintf(name, sizeof name, "libgdal.so.%d", 26 + GDAL_VERSION_MINOR);
  void *found = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  if (!found) {
    const char *reason = dlerror();
    snprintf(failure, sizeof failure, "%s", reason ? reason : name);
    // Conda and builds of one's own may number otherwise.
    found = dlopen("libgdal.so", RTLD_LAZY | RTLD_LOCAL);
  }
  __atomic_store_n(&library, found, __ATOMIC_RELEASE);
}

const char *hsi_gdal_load(void) {
  pthread_once(&once, load);
  return library ? NULL : failure;
}

int hsi_gdal_is_loaded(void) { return __atomic_load_n(&library, __ATOMIC_ACQUIRE) != NULL; }

void *hsi_gdal_find(const char *name) { return hsi_gdal_load() ? NULL : dlsym(library, name); }

void *hsi_gdal_function(const char *name) {
  void *found = hsi_gdal_find(name);
  if (found) return found;
  // What the system's loader does where a linked library is missing: one line, and the same exit code.
  fprintf(
      stderr, "hsi: error: GDAL " TEXT(GDAL_VERSION_MAJOR) "." TEXT(GDAL_VERSION_MINOR) " is needed and cannot be loaded (%s); install it, on Debian with libgdal-dev\n",
      library ? name : failure);
  exit(127);
}
