extension ReportSchema {
  /// The schema of `PredictionReport`, printed by `hsi schema predict`.
  public static let prediction = """
    {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "$id": "urn:hsi:schema:predict:1",
      "title": "Report of hsi classify predict",
      "description": "Written by --report. Numbers that are not finite are null. Optional members are left out.",
      "type": "object",
      "required": ["version", "command", "scene", "model", "classes", "confidence", "outputs", "warnings", "provenance"],
      "additionalProperties": false,
      "properties": {
        "version": {"type": "string", "pattern": "^1\\\\.[0-9]+$"},
        "command": {"type": "string"},
        "scene": {"$ref": "#/$defs/scene"},
        "model": {
          "type": "object", "required": ["path", "id", "name", "citation", "settings"],
          "additionalProperties": false,
          "properties": {
            "path": {"type": "string"}, "id": {"type": "string"}, "name": {"type": "string"},
            "citation": {"type": "string"},
            "settings": {"type": "object", "additionalProperties": {"type": "string"}}
          }
        },
        "classes": {"description": "In the order of the model.", "type": "array", "items": {"$ref": "#/$defs/class"}},
        "confidence": {"description": "Mean probability of the class that pixels were given.",
          "$ref": "#/$defs/number"},
        "outputs": {"type": "array", "items": {"$ref": "#/$defs/output"}},
        "warnings": {"type": "array", "items": {"$ref": "#/$defs/warning"}},
        "provenance": {"$ref": "#/$defs/provenance"}
      },
      "$defs": {
    \(sceneDefinitions)
        "class": {
          "type": "object", "required": ["value", "name", "colour", "pixels", "share"],
          "additionalProperties": false,
          "properties": {
            "value": {"type": "integer", "minimum": 1, "maximum": 65535}, "name": {"type": "string"},
            "colour": {"type": "string", "pattern": "^#[0-9a-f]{6}$"}, "pixels": {"$ref": "#/$defs/count"},
            "share": {"$ref": "#/$defs/number"}, "confidence": {"$ref": "#/$defs/number"}
          }
        },
    \(provenanceDefinition)
      }
    }

    """
}
