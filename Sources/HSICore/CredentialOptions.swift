/// Which settings of GDAL, of the libraries below it and of programs like it hold credentials.
enum CredentialOptions {
  /// Settings of GDAL whose values let somebody in, by file system or driver. Most would be known by the words in them, too.
  static let names: Set<String> = [
    // Amazon
    "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    // Azure
    "AZURE_CLIENT_SECRET", "AZURE_SAS", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_ACCESS_TOKEN",
    "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_SAS_TOKEN",
    // Google
    "GS_ACCESS_KEY_ID", "GS_OAUTH2_CLIENT_SECRET", "GS_OAUTH2_PRIVATE_KEY", "GS_OAUTH2_REFRESH_TOKEN",
    "GS_SECRET_ACCESS_KEY",
    // Alibaba
    "OSS_ACCESS_KEY_ID", "OSS_SECRET_ACCESS_KEY",
    // OpenStack
    "OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_SECRET", "OS_PASSWORD", "SWIFT_AUTH_TOKEN", "SWIFT_KEY",
    // HTTP
    "GDAL_HTTP_BEARER", "GDAL_HTTP_COOKIE", "GDAL_HTTP_HEADERS", "GDAL_HTTP_KEYPASSWD", "GDAL_HTTP_PROXYUSERPWD",
    "GDAL_HTTP_USERPWD",
    // Hadoop
    "WEBHDFS_DELEGATION",
    // Drivers
    "CRYPT_KEY", "EEDA_BEARER", "EEDA_PRIVATE_KEY", "GDAL_DAAS_ACCESS_TOKEN", "GDAL_DAAS_API_KEY", "NGW_USERPWD",
    "PDF_USER_PWD", "PGPASSWORD", "PL_API_KEY", "USER_PWD", "VSICRYPT_KEY", "VSICRYPT_KEY_B64",
  ]

  /// Names and parts of names that speak of a secret wherever they stand, as a pattern.
  static let words =
    "token|secret|passw(?:or)?d|passwd|userpwd|signature|credential|api[_-]?key|access[_-]?key|account[_-]?key"
    + "|private[_-]?key|connection[_-]?string|auth(?:orization)?|cookie|bearer|delegation|temp_url_sig|jwt"
}
