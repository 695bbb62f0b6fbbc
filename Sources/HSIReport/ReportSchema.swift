/// What a body adds to the JSON Schema (draft 2020-12) of reports; `text(for:)` puts it between the members of the
/// envelope.
public struct ReportSchema: Sendable {
  /// What `hsi schema` calls it.
  public let name: String
  /// Members of the body, and `channels`, that are never left out.
  public let required: [String]
  /// Members of the body, and `channels`: JSON without the braces around it. May refer to `#/$defs/` of the body and
  /// `scene`, `fact`, `window`, `number` (or null), `count`, `output`, `warning`.
  public let properties: String
  /// Definitions that `properties` refers to, in the same way.
  public let definitions: String

  /// A body's part.
  public init(name: String, required: [String], properties: String, definitions: String) {
    self.name = name
    self.required = required
    self.properties = properties
    self.definitions = definitions
  }

  /// The whole schema of the reports with this body.
  public func text(for body: any ReportBody.Type) -> String {
    let major = body.currentVersion.prefix { $0 != "." }
    let members = ["version", "command", body.subjectKey] + required + ["outputs", "warnings", "provenance"]
    return """
      {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:hsi:schema:\(name):\(major)",
        "title": "Report of hsi \(body.command)",
        "description": "Written by --report. Numbers that are not finite are null. Optional members are left out.",
        "type": "object",
      \(ReportSchema.list("required", members)),
        "additionalProperties": false,
        "properties": {
          "version": {"type": "string", "pattern": "^\(major)\\\\.[0-9]+$"},
          "command": {"type": "string"},
          "\(body.subjectKey)": {"$ref": "#/$defs/scene"},
      \(ReportSchema.indented(properties)),
          "outputs": {"type": "array", "items": {"$ref": "#/$defs/output"}},
          "warnings": {"type": "array", "items": {"$ref": "#/$defs/warning"}},
          "provenance": {"$ref": "#/$defs/provenance"}
        },
        "$defs": {
      \(ReportSchema.indented(ReportSchema.scene)),
      \(ReportSchema.indented(definitions)),
      \(ReportSchema.indented(ReportSchema.provenance))
        }
      }

      """
  }

  private static func indented(_ text: String) -> String {
    text.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n")
  }

  /// `"key": ["a", "b"]`, broken into lines of fewer than 118 characters.
  private static func list(_ key: String, _ items: [String]) -> String {
    var lines = ["  \"\(key)\": ["]
    for (index, item) in items.enumerated() {
      let text = "\"\(item)\"" + (index + 1 < items.count ? "," : "]")
      if index == 0 {
        lines[0] += text
      } else if lines[lines.count - 1].count + 1 + text.count < 118 {
        lines[lines.count - 1] += " " + text
      } else {
        lines.append("    " + text)
      }
    }
    return lines.joined(separator: "\n")
  }
}

// MARK: - What bodies have in common

extension ReportSchema {
  /// `channels`, defined by the body as `channel`.
  static let allChannels = """
    "channels": {"description": "All bands of the file.", "type": "array",
      "items": {"$ref": "#/$defs/channel"}}
    """

  /// Place of a channel in file and spectrum.
  static let channelPlace = """
        "band": {"description": "1-based, in the file.", "type": "integer", "minimum": 1},
        "wavelength_nm": {"$ref": "#/$defs/number"}, "fwhm_nm": {"$ref": "#/$defs/number"}
    """

  /// Map coordinates of a pixel, `ReportMapPosition`.
  static let mapPosition = """
        "map": {
          "type": "object", "required": ["x", "y"], "additionalProperties": false,
          "properties": {"x": {"$ref": "#/$defs/number"}, "y": {"$ref": "#/$defs/number"}}
        }
    """

  /// `ReportMethod` of restorers, a definition.
  static let restorer = """
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
    }
    """

  /// `ReportModel`.
  static let model = """
    "model": {
      "type": "object", "required": ["path", "id", "name", "citation", "settings"],
      "additionalProperties": false,
      "properties": {
        "path": {"type": "string"}, "id": {"type": "string"}, "name": {"type": "string"},
        "citation": {"type": "string"},
        "settings": {"type": "object", "additionalProperties": {"type": "string"}}
      }
    }
    """
}

// MARK: - The envelope

extension ReportSchema {
  /// Numbers, facts and the scene.
  private static let scene = """
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
    }
    """

  /// Written files, warnings and provenance.
  private static let provenance = """
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
