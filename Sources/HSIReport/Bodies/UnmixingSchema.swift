extension UnmixingBody {
  /// Members of this body, for `hsi schema report`.
  public static let schema = ReportSchema(
    name: "report", required: ["method", "endmembers", "channels"],
    properties: """
      "method": {"$ref": "#/$defs/method"},
      "count_source": {"description": "Who decided the number of endmembers: given, HySime …", "type": "string"},
      "choice": {"description": "What a method that chooses has chosen from the scene, and why.", "type": "string"},
      "counting": {"$ref": "#/$defs/counting"},
      "endmembers": {"description": "In the order of the abundance bands.", "type": "array",
        "items": {"$ref": "#/$defs/endmember"}},
      \(ReportSchema.allChannels),
      "convergence": {"$ref": "#/$defs/convergence"},
      "residual": {"$ref": "#/$defs/residual"},
      "models": {"$ref": "#/$defs/models"}
      """,
    definitions: """
      "method": {
        "type": "object", "required": ["id", "name", "task", "settings"], "additionalProperties": false,
        "properties": {
          "id": {"type": "string"}, "name": {"type": "string"},
          "task": {"enum": ["count", "extract", "abundance", "sparse", "blind"]},
          "citation": {"type": "string"},
          "settings": {"type": "object", "additionalProperties": {"$ref": "#/$defs/number"}}
        }
      },
      "counting": {
        "type": "object", "required": ["errors", "alternatives"], "additionalProperties": false,
        "properties": {
          "reason": {"type": "string"},
          "errors": {"description": "Relative error of held-back pixels for 2, 3, … endmembers.", "type": "array",
            "items": {"$ref": "#/$defs/number"}},
          "noise": {"description": "Noise of the scene in the same units.", "$ref": "#/$defs/number"},
          "alternatives": {"description": "What other methods count.", "type": "object",
            "additionalProperties": {"$ref": "#/$defs/count"}}
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
            "properties": {
              "name": {"type": "string"}, "sad_rad": {"$ref": "#/$defs/number"},
              "accepted": {"description": "Whether the endmember took the name.", "type": "boolean"},
              "runner_up": {"type": "string"}, "runner_up_sad_rad": {"$ref": "#/$defs/number"}
            }
          },
          "pixel": {
            "description": "0-based, in the file.",
            "type": "object", "required": ["line", "sample"], "additionalProperties": false,
            "properties": {"line": {"$ref": "#/$defs/count"}, "sample": {"$ref": "#/$defs/count"}}
          },
      \(ReportSchema.mapPosition),
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
      \(ReportSchema.channelPlace),
          "used": {"type": "boolean"},
          "quality": {"description": "1 = best.", "$ref": "#/$defs/number"},
          "corrupted": {"description": "True where the channel was used but is left out of errors.", "type": "boolean"}
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
      "models": {
        "description": "Mixture models that occur.",
        "type": "object", "required": ["tried", "used", "unmodelled_pixels", "groups", "common"],
        "additionalProperties": false,
        "properties": {
          "tried": {"$ref": "#/$defs/count"}, "used": {"$ref": "#/$defs/count"},
          "unmodelled_pixels": {"$ref": "#/$defs/count"},
          "groups": {
            "description": "By classes, the most frequent first.", "type": "array",
            "items": {
              "type": "object", "required": ["classes", "colour", "endmembers", "models", "pixels"],
              "additionalProperties": false,
              "properties": {
                "classes": {"type": "string"}, "colour": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
                "endmembers": {"description": "Of a model, shade included.", "$ref": "#/$defs/count"},
                "models": {"$ref": "#/$defs/count"}, "pixels": {"$ref": "#/$defs/count"}
              }
            }
          },
          "common": {
            "description": "The most frequent models.", "type": "array",
            "items": {
              "type": "object", "required": ["number", "pixels", "spectra"], "additionalProperties": false,
              "properties": {
                "number": {"$ref": "#/$defs/count"}, "pixels": {"$ref": "#/$defs/count"},
                "spectra": {"type": "array", "items": {"type": "string"}}
              }
            }
          }
        }
      }
      """)
}
