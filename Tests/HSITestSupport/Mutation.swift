// Tests and `hsi-fuzz` damage files in the same way.
@_exported import HSIMutation
