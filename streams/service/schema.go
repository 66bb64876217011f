package service

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Schema describes JSON values, in the words of JSON Schema.
type Schema struct {
	Types       types              `json:"type,omitempty"`
	Description string             `json:"description,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	// Closed refuses properties that are not listed.
	Closed    bool     `json:"-"`
	Items     *Schema  `json:"items,omitempty"`
	Enum      []string `json:"enum,omitempty"`
	Minimum   *float64 `json:"minimum,omitempty"`
	Maximum   *float64 `json:"maximum,omitempty"`
	MinLength *int     `json:"minLength,omitempty"`
	MaxLength *int     `json:"maxLength,omitempty"`
	MaxItems  *int     `json:"maxItems,omitempty"`
	Default   any      `json:"default,omitempty"`

	names []string // of the properties, as declared
}

// Describer is a type that describes itself, such as one that reads several
// types of JSON values.
type Describer interface{ JSONSchema() *Schema }

// types is one type, or several.
type types []string

// MarshalJSON writes one type as a text, and several as a list.
func (t types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// The types of JSON values.
const (
	typeObject  = "object"
	typeArray   = "array"
	typeString  = "string"
	typeInteger = "integer"
	typeNumber  = "number"
	typeBoolean = "boolean"
	typeNull    = "null"
)

// MarshalJSON adds what is written only where it is so.
func (s *Schema) MarshalJSON() ([]byte, error) {
	type plain Schema
	if !s.Closed {
		return json.Marshal((*plain)(s))
	}
	return json.Marshal(struct {
		*plain
		Additional bool `json:"additionalProperties"`
	}{(*plain)(s), false})
}

// Text is a schema of texts; the description says which.
func Text(description string) *Schema {
	return &Schema{Types: types{typeString}, Description: description}
}

// NumberOrText is a schema of values that are numbers or texts.
func NumberOrText(description string) *Schema {
	return &Schema{Types: types{typeNumber, typeString}, Description: description}
}

// maxInteger bounds the integers of requests: beyond it programs that keep all
// numbers as floating point see another number.
const maxInteger = 1<<53 - 1

// describe derives the schema of a Go type. The tag `doc` is a field's sentence;
// the tag `rule` bounds it: required, min=, max=, minlen=, maxlen=, maxitems=,
// default= and enum= with its values parted by |. For a list, the bounds are
// those of its items.
func describe(t reflect.Type, request bool) (*Schema, error) {
	if d, ok := reflect.New(t).Interface().(Describer); ok {
		s := *d.JSONSchema()
		return &s, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		s, err := describe(t.Elem(), request)
		if err != nil {
			return nil, err
		}
		return s.orNull(), nil
	case reflect.String:
		return &Schema{Types: types{typeString}}, nil
	case reflect.Bool:
		return &Schema{Types: types{typeBoolean}}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s := &Schema{Types: types{typeInteger}}
		if request {
			s.Minimum, s.Maximum = pointer[float64](-maxInteger), pointer[float64](maxInteger)
		}
		return s, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s := &Schema{Types: types{typeInteger}, Minimum: pointer[float64](0)}
		if request {
			s.Maximum = pointer[float64](maxInteger)
		}
		return s, nil
	case reflect.Float32, reflect.Float64:
		return &Schema{Types: types{typeNumber}}, nil
	case reflect.Slice, reflect.Array:
		if t == reflect.TypeFor[json.RawMessage]() {
			return &Schema{}, nil
		}
		items, err := describe(t.Elem(), request)
		if err != nil {
			return nil, err
		}
		return &Schema{Types: types{typeArray}, Items: items}, nil
	case reflect.Map:
		return &Schema{Types: types{typeObject}}, nil
	case reflect.Interface:
		return &Schema{}, nil
	case reflect.Struct:
		s := &Schema{Types: types{typeObject}, Closed: request, Properties: map[string]*Schema{}}
		return s, s.addFields(t, request)
	default:
		return nil, fmt.Errorf("service: a %s has no schema", t)
	}
}

// addFields describes the fields of a struct, and those of structs embedded in it
// as its own.
func (s *Schema) addFields(t reflect.Type, request bool) error {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			if err := s.addFields(f.Type, request); err != nil {
				return err
			}
			continue
		}
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		p, err := describe(f.Type, request)
		if err != nil {
			return err
		}
		if d := f.Tag.Get("doc"); d != "" {
			p.Description = d
		}
		required, err := p.bound(f.Tag.Get("rule"))
		if err != nil {
			return fmt.Errorf("service: field %s of %s: %w", name, t, err)
		}
		if !request {
			required = !strings.Contains(options, "omit")
		}
		if required {
			s.Required = append(s.Required, name)
		} else if request {
			p = p.orNull() // as programs say that they give none
		}
		s.Properties[name] = p
		s.names = append(s.names, name)
	}
	return nil
}

// bound reads the rules of a field.
func (s *Schema) bound(rules string) (required bool, err error) {
	if rules == "" {
		return false, nil
	}
	one := s
	if s.Items != nil {
		one = s.Items
	}
	for _, rule := range strings.Split(rules, ",") {
		name, value, _ := strings.Cut(rule, "=")
		switch name {
		case "required":
			required = true
		case "min":
			one.Minimum, err = parseFloat(value)
		case "max":
			one.Maximum, err = parseFloat(value)
		case "minlen":
			one.MinLength, err = parseInt(value)
		case "maxlen":
			one.MaxLength, err = parseInt(value)
		case "maxitems":
			s.MaxItems, err = parseInt(value)
		case "enum":
			one.Enum = strings.Split(value, "|")
		case "default":
			s.Default = value
			if !s.is(typeString) {
				s.Default = json.Number(value)
			}
		default:
			err = fmt.Errorf("no rule is called %q", name)
		}
		if err != nil {
			return false, err
		}
	}
	return required, nil
}

func parseFloat(text string) (*float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	return &v, err
}

func parseInt(text string) (*int, error) {
	v, err := strconv.Atoi(text)
	return &v, err
}

func pointer[T any](v T) *T { return &v }

func (s *Schema) is(t string) bool {
	for _, own := range s.Types {
		if own == t {
			return true
		}
	}
	return false
}

func (s *Schema) orNull() *Schema {
	if len(s.Types) > 0 && !s.is(typeNull) {
		s.Types = append(s.Types[:len(s.Types):len(s.Types)], typeNull)
	}
	return s
}
