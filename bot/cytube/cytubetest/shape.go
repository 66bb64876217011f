package cytubetest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// field is one key of an event's argument that the server checks the type of.
type field struct {
	name, kind string
	optional   bool
}

var (
	chatShape = []field{{"msg", "string", false}, {"meta", "object", true}}
	pmShape   = []field{{"msg", "string", false}, {"to", "string", false}, {"meta", "object", true}}
)

// shaped reads the first argument of an event into into. What has the wrong
// shape is answered as the server does.
func (v *visitor) shaped(event string, args []json.RawMessage, fields []field, into any) bool {
	problem := misshapen(args, fields)
	if problem == "" && !decode(args, into) {
		problem = "Expected type object, got string"
	}
	if problem != "" {
		v.emit("errorMsg", map[string]string{"msg": fmt.Sprintf("Unexpected error for message %s: %s", event, problem)})
	}
	return problem == ""
}

func misshapen(args []json.RawMessage, fields []field) string {
	if len(args) == 0 {
		return "Expected type object, got undefined"
	}
	if kind := kindOf(args[0]); kind != "object" {
		return "Expected type object, got " + kind
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(args[0], &object) != nil {
		return "Expected type object, got undefined"
	}
	for _, f := range fields {
		want := f.kind
		if f.optional {
			want += ",optional"
		}
		value, there := object[f.name]
		switch {
		case !there && f.optional:
		case !there:
			return fmt.Sprintf("Missing key: %s:%s", want, f.name)
		case kindOf(value) != f.kind:
			return fmt.Sprintf("Expected key %s to be of type %s, instead got %s", f.name, want, kindOf(value))
		}
	}
	return ""
}

// kindOf is what the server calls the type of a value.
func kindOf(value json.RawMessage) string {
	text := strings.TrimSpace(string(value))
	switch {
	case strings.HasPrefix(text, "{"):
		return "object"
	case strings.HasPrefix(text, "["):
		return "array"
	case strings.HasPrefix(text, `"`):
		return "string"
	case text == "true", text == "false":
		return "boolean"
	case text == "null":
		return "null"
	}
	return "number"
}
