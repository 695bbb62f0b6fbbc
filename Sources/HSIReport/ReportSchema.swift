import Foundation

/// The JSON Schemas (draft 2020-12) of what hsi writes.
public enum ReportSchema {
  /// The schema of `UnmixingReport`, printed by `hsi schema report`.
  public static let unmixing = """
    {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "$id": "urn:hsi:schema:report:1",
      "title": "Report of hsi unmix",
      "description": "Written by --report. Numbers that are not finite are null. Optional members are left out.",
      "type": "object",
      "required": ["version", "command", "scene", "method", "endmembers", "channels", "outputs", "warnings",
        "provenance"],
      "additionalProperties": false,
      "properties": {
        "version": {"type": "string", "pattern": "^1\\\\.[0-9]+$"},
        "command": {"type": "string"},
        "scene": {"$ref": "#/$defs/scene"},
        "method": {"$ref": "#/$defs/method"},
        "count_source": {"description": "Who decided the number of endmembers: given, HySime …", "type": "string"},
        "endmembers": {"description": "In the order of the abundance bands.", "type": "array",
          "items": {"$ref": "#/$defs/endmember"}},
        "channels": {"description": "All bands of the file.", "type": "array",
          "items": {"$ref": "#/$defs/channel"}},
        "convergence": {"$ref": "#/$defs/convergence"},
        "residual": {"$ref": "#/$defs/residual"},
        "outputs": {"type": "array", "items": {"$ref": "#/$defs/output"}},
        "warnings": {"type": "array", "items": {"$ref": "#/$defs/warning"}},
        "provenance": {"$ref": "#/$defs/provenance"}
      },
      "$defs": {
    \(sceneDefinitions)
        "method": {
          "type": "object", "required": ["id", "name", "task", "settings"], "additionalProperties": false,
          "properties": {
            "id": {"type": "string"}, "name": {"type": "string"},
            "task": {"enum": ["count", "extract", "abundance", "sparse", "blind"]},
            "citation": {"type": "string"},
            "settings": {"type": "object", "additionalProperties": {"$ref": "#/$defs/number"}}
          }
        },
        "endmember": {
          "type": "object", "required": ["name", "colour", "spectrum"], "additionalProperties": false,
          "properties": {
            "name": {"type": "string"},
            "colour": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
            "spectrum": {"description": "One value per channel, null where not used.", "type": "array",
              "items": {"$ref": "#/$defs/number"}},
            "match": {
              "type": "object", "required": ["name", "sad_rad"], "additionalProperties": false,
              "properties": {"name": {"type": "string"}, "sad_rad": {"$ref": "#/$defs/number"}}
            },
            "pixel": {
              "description": "0-based, in the file.",
              "type": "object", "required": ["line", "sample"], "additionalProperties": false,
              "properties": {"line": {"$ref": "#/$defs/count"}, "sample": {"$ref": "#/$defs/count"}}
            },
            "map": {
              "type": "object", "required": ["x", "y"], "additionalProperties": false,
              "properties": {"x": {"$ref": "#/$defs/number"}, "y": {"$ref": "#/$defs/number"}}
            },
            "abundance": {
              "type": "object", "additionalProperties": false,
              "required": ["mean", "standard_deviation", "minimum", "maximum", "dominant_share", "pure_share"],
              "properties": {
                "mean": {"$ref": "#/$defs/number"}, "standard_deviation": {"$ref": "#/$defs/number"},
                "minimum": {"$ref": "#/$defs/number"}, "maximum": {"$ref": "#/$defs/number"},
                "dominant_share": {"type": "number", "minimum": 0, "maximum": 1},
                "pure_share": {"type": "number", "minimum": 0, "maximum": 1}
              }
            }
          }
        },
        "channel": {
          "type": "object", "required": ["band", "used"], "additionalProperties": false,
          "properties": {
            "band": {"description": "1-based, in the file.", "type": "integer", "minimum": 1},
            "wavelength_nm": {"$ref": "#/$defs/number"}, "fwhm_nm": {"$ref": "#/$defs/number"},
            "used": {"type": "boolean"},
            "quality": {"description": "1 = best.", "$ref": "#/$defs/number"}
          }
        },
        "convergence": {
          "type": "object", "required": ["iterations", "converged", "objective"], "additionalProperties": false,
          "properties": {
            "iterations": {"$ref": "#/$defs/count"}, "converged": {"type": "boolean"},
            "objective": {"type": "array", "items": {"$ref": "#/$defs/number"}}
          }
        },
        "residual": {
          "type": "object", "required": ["mean", "median", "percentile95", "maximum"],
          "additionalProperties": false,
          "properties": {
            "mean": {"$ref": "#/$defs/number"}, "median": {"$ref": "#/$defs/number"},
            "percentile95": {"$ref": "#/$defs/number"}, "maximum": {"$ref": "#/$defs/number"}
          }
        },
    \(provenanceDefinition)
      }
    }

    """

  /// The schema of `RestorationReport`, printed by `hsi schema denoise`.
  public static let restoration = """
    {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "$id": "urn:hsi:schema:denoise:1",
      "title": "Report of hsi denoise",
      "description": "Written by --report. Numbers that are not finite are null. Optional members are left out.",
      "type": "object",
      "required": ["version", "command", "scene", "method", "noise_source", "channels", "pixels", "outputs",
        "warnings", "provenance"],
      "additionalProperties": false,
      "properties": {
        "version": {"type": "string", "pattern": "^1\\\\.[0-9]+$"},
        "command": {"type": "string"},
        "scene": {"$ref": "#/$defs/scene"},
        "method": {"$ref": "#/$defs/method"},
        "noise_source": {"enum": ["estimated", "given"]},
        "channels": {"description": "All bands of the file.", "type": "array",
          "items": {"$ref": "#/$defs/channel"}},
        "residual": {"$ref": "#/$defs/residual"},
        "pixels": {"description": "From dark to bright.", "type": "array", "items": {"$ref": "#/$defs/pixel"}},
        "timings": {
          "type": "object", "required": ["reading_s", "denoising_s", "judging_s", "writing_s"],
          "additionalProperties": false,
          "properties": {
            "reading_s": {"$ref": "#/$defs/number"}, "denoising_s": {"$ref": "#/$defs/number"},
            "judging_s": {"$ref": "#/$defs/number"}, "writing_s": {"$ref": "#/$defs/number"}
          }
        },
        "outputs": {"type": "array", "items": {"$ref": "#/$defs/output"}},
        "warnings": {"type": "array", "items": {"$ref": "#/$defs/warning"}},
        "provenance": {"$ref": "#/$defs/provenance"}
      },
      "$defs": {
    \(sceneDefinitions)
        "method": {
          "type": "object", "required": ["id", "name", "citation", "reason", "settings", "facts"],
          "additionalProperties": false,
          "properties": {
            "id": {"type": "string"}, "name": {"type": "string"}, "citation": {"type": "string"},
            "reason": {"description": "given, or why it was chosen.", "type": "string"},
            "settings": {"type": "object", "additionalProperties": {"$ref": "#/$defs/number"}},
            "rank": {"$ref": "#/$defs/count"},
            "facts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/number"}},
            "unchanged": {"type": "string"},
            "model": {
              "type": "object", "required": ["weights", "card"], "additionalProperties": false,
              "properties": {
                "weights": {"type": "string"},
                "card": {"type": "object", "additionalProperties": {"type": "string"}}
              }
            }
          }
        },
        "channel": {
          "type": "object", "required": ["band", "processed"], "additionalProperties": false,
          "properties": {
            "band": {"description": "1-based, in the file.", "type": "integer", "minimum": 1},
            "wavelength_nm": {"$ref": "#/$defs/number"}, "fwhm_nm": {"$ref": "#/$defs/number"},
            "processed": {"type": "boolean"},
            "noise_before": {"description": "Standard deviation.", "$ref": "#/$defs/number"},
            "noise_after": {"description": "sqrt(max(0, before^2 - removed^2)).", "$ref": "#/$defs/number"},
            "removed_rms": {"$ref": "#/$defs/number"},
            "spatial_correlation": {"description": "Lag 1, of what was removed.", "$ref": "#/$defs/number"},
            "spectral_correlation": {"description": "With the next channel.", "$ref": "#/$defs/number"}
          }
        },
        "residual": {
          "type": "object", "required": ["rms", "share", "correlation_error"], "additionalProperties": false,
          "properties": {
            "rms": {"$ref": "#/$defs/number"}, "share": {"$ref": "#/$defs/number"},
            "spatial_correlation": {"$ref": "#/$defs/number"},
            "spectral_correlation": {"$ref": "#/$defs/number"},
            "correlation_error": {"$ref": "#/$defs/number"}
          }
        },
        "pixel": {
          "description": "Line and sample are 0-based, in the file.",
          "type": "object", "required": ["line", "sample", "brightness", "before", "after"],
          "additionalProperties": false,
          "properties": {
            "line": {"$ref": "#/$defs/count"}, "sample": {"$ref": "#/$defs/count"},
            "map": {
              "type": "object", "required": ["x", "y"], "additionalProperties": false,
              "properties": {"x": {"$ref": "#/$defs/number"}, "y": {"$ref": "#/$defs/number"}}
            },
            "brightness": {"type": "number", "minimum": 0, "maximum": 1},
            "before": {"description": "One value per channel.", "type": "array",
              "items": {"$ref": "#/$defs/number"}},
            "after": {"type": "array", "items": {"$ref": "#/$defs/number"}}
          }
        },
    \(provenanceDefinition)
      }
    }

    """

  /// Numbers, facts and the scene, for all reports.
  static let sceneDefinitions = """
        "number": {"type": ["number", "null"]},
        "count": {"type": "integer", "minimum": 0},
        "fact": {
          "type": "object", "required": ["value", "source"], "additionalProperties": false,
          "properties": {
            "value": {"type": ["number", "string", "boolean", "array", "null"]},
            "source": {"enum": ["hdr", "gdal-domain", "xml", "sidecar", "user", "inferred"]}
          }
        },
        "window": {
          "type": "object", "required": ["line", "sample", "lines", "samples"], "additionalProperties": false,
          "properties": {
            "line": {"$ref": "#/$defs/count"}, "sample": {"$ref": "#/$defs/count"},
            "lines": {"$ref": "#/$defs/count"}, "samples": {"$ref": "#/$defs/count"}
          }
        },
        "scene": {
          "type": "object", "additionalProperties": false,
          "required": ["path", "format", "lines", "samples", "bands", "used_bands", "valid_pixels", "facts"],
          "properties": {
            "path": {"type": "string"}, "format": {"type": "string"},
            "lines": {"$ref": "#/$defs/count"}, "samples": {"$ref": "#/$defs/count"},
            "bands": {"$ref": "#/$defs/count"}, "used_bands": {"$ref": "#/$defs/count"},
            "valid_pixels": {"$ref": "#/$defs/count"}, "window": {"$ref": "#/$defs/window"},
            "facts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/fact"}}
          }
        },
    """

  /// Written files, warnings and provenance, for all reports.
  static let provenanceDefinition = """
        "output": {
          "type": "object", "required": ["path", "content"], "additionalProperties": false,
          "properties": {"path": {"type": "string"}, "content": {"type": "string"}}
        },
        "warning": {
          "type": "object", "required": ["identifier", "message"], "additionalProperties": false,
          "properties": {
            "identifier": {"type": "string", "pattern": "^W-"}, "message": {"type": "string"}
          }
        },
        "provenance": {
          "type": "object", "additionalProperties": false,
          "required": ["command_line", "options", "version", "build", "libraries", "seed", "device", "threads",
            "memory_budget_bytes", "inputs", "host", "started", "warnings"],
          "properties": {
            "command_line": {"description": "Quoted for a shell, secrets masked.", "type": "string"},
            "options": {"type": "object", "additionalProperties": {"type": "string"}},
            "version": {"type": "string"}, "build": {"type": "string"},
            "libraries": {"type": "object", "additionalProperties": {"type": "string"}},
            "seed": {"$ref": "#/$defs/count"}, "device": {"type": "string"},
            "threads": {"type": "integer", "minimum": 1}, "memory_budget_bytes": {"$ref": "#/$defs/count"},
            "inputs": {
              "type": "array",
              "items": {
                "type": "object", "required": ["path"], "additionalProperties": false,
                "properties": {
                  "path": {"type": "string"}, "size": {"$ref": "#/$defs/count"},
                  "modified": {"type": "string", "format": "date-time"},
                  "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}
                }
              }
            },
            "host": {
              "type": "object", "required": ["system", "architecture", "cores", "memory_bytes"],
              "additionalProperties": false,
              "properties": {
                "system": {"type": "string"}, "architecture": {"type": "string"}, "processor": {"type": "string"},
                "cores": {"type": "integer", "minimum": 1}, "memory_bytes": {"$ref": "#/$defs/count"}
              }
            },
            "started": {"type": "string", "format": "date-time"},
            "finished": {"type": "string", "format": "date-time"},
            "elapsed_s": {"$ref": "#/$defs/number"}, "peak_memory_bytes": {"$ref": "#/$defs/count"},
            "warnings": {"type": "array", "items": {"$ref": "#/$defs/warning"}}
          }
        }
    """
}
