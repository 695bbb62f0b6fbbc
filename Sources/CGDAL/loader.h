// A function of GDAL by name; ends the process where it cannot be had.
void *hsi_gdal_function(const char *name);
