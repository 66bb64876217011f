package service

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxRequest bounds a request, in bytes.
const MaxRequest = 64 << 10

// maxDepth bounds how deep the values of a request lie in each other.
const maxDepth = 16

// decode reads a request into a value of its Go type, by its schema.
func decode(data []byte, s *Schema, bare bool, into reflect.Value) error {
	if len(data) > MaxRequest {
		return Errorf(TooLarge, "the request has %d bytes; at most %d are read", len(data), MaxRequest)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	v, err := parse(data)
	if err != nil {
		return err
	}
	v, refusal := (checker{clamp: bare}).value("", s, v)
	if refusal != nil {
		return refusal
	}
	fields, ok := v.(map[string]any)
	if !ok {
		return (checker{}).wrong("", s)
	}
	return fill(into, fields)
}

// fill sets the fields of a struct, field by field: Go's own decoder takes names
// without regard to case.
func fill(into reflect.Value, fields map[string]any) error {
	t := into.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			if err := fill(into.Field(i), fields); err != nil {
				return err
			}
			continue
		}
		if name == "" {
			name = f.Name
		}
		v, ok := fields[name]
		if !ok || !f.IsExported() {
			continue
		}
		text, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(text, into.Field(i).Addr().Interface())
		}
		if err != nil {
			return Errorf(Invalid, "%s: %s", name, err.Error())
		}
	}
	return nil
}

// parse reads a JSON text whole: what Go's decoder would let pass, such as a name
// given twice or bytes that are no UTF-8, is refused. The error is an *Error.
func parse(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, Errorf(Invalid, "the request is no valid UTF-8")
	}
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		return nil, Errorf(Invalid, "the request is no JSON: %s", err.Error())
	}
	if err := checkEscapes(data); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return parseValue(dec, 0)
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, Errorf(Invalid, "the request has more than %d levels", maxDepth)
	}
	token, err := dec.Token()
	if err != nil {
		return nil, Errorf(Invalid, "the request is no JSON: %s", err.Error())
	}
	switch token {
	case json.Delim('{'):
		return parseObject(dec, depth)
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := parseValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.Token()
		return list, err
	}
	return token, nil
}

func parseObject(dec *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, Errorf(Invalid, "the request is no JSON: %s", err.Error())
		}
		name, ok := token.(string)
		if !ok {
			return nil, Errorf(Invalid, "the request is no JSON: %v is no name", token)
		}
		if _, twice := object[name]; twice {
			return nil, Errorf(Invalid, "%s is given twice", short(name))
		}
		if object[name], err = parseValue(dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return object, err
}

// checkEscapes refuses escaped NULs, and halves of characters, which Go's decoder
// would replace: what is said in the channel must be what was asked for. The data
// is valid JSON, so that a backslash stands in texts alone.
func checkEscapes(data []byte) error {
	unit := func(i int) (rune, bool) {
		if i+6 > len(data) || data[i] != '\\' || data[i+1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(data[i+2:i+6]), 16, 32)
		return rune(n), err == nil
	}
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		r, ok := unit(i)
		switch {
		case !ok:
			i++ // what is escaped may be a backslash
		case r == 0:
			return Errorf(Invalid, "a text holds a NUL character")
		case r >= 0xdc00 && r < 0xe000:
			return Errorf(Invalid, "a text holds half a character (%s)", fmt.Sprintf(`\u%04x`, r))
		case r >= 0xd800 && r < 0xdc00:
			if low, ok := unit(i + 6); !ok || low < 0xdc00 || low >= 0xe000 {
				return Errorf(Invalid, "a text holds half a character (%s)", fmt.Sprintf(`\u%04x`, r))
			}
			i += 11
		default:
			i += 5
		}
	}
	return nil
}
