package service

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// checker compares values with their schemas.
type checker struct {
	// clamp brings numbers into their range, and leaves out what nobody knows.
	clamp bool
}

// Check compares a JSON text with the schema. The error is an *Error of code
// Invalid that names the place.
func (s *Schema) Check(data []byte) error {
	v, err := parse(data)
	if err != nil {
		return err
	}
	if _, err := (checker{}).value("", s, v); err != nil {
		return err
	}
	return nil
}

// value returns the value as it is to be read: numbers in one spelling, in range
// where they are clamped, defaults filled in.
func (c checker) value(at string, s *Schema, v any) (any, *Error) {
	switch v := v.(type) {
	case nil:
		if len(s.Types) > 0 && !s.is(typeNull) {
			return nil, c.wrong(at, s)
		}
		return nil, nil
	case bool:
		if len(s.Types) > 0 && !s.is(typeBoolean) {
			return nil, c.wrong(at, s)
		}
		return v, nil
	case json.Number:
		return c.number(at, s, v)
	case string:
		return v, c.text(at, s, v)
	case []any:
		return c.list(at, s, v)
	case map[string]any:
		return c.object(at, s, v)
	default:
		return nil, c.wrong(at, s)
	}
}

func (c checker) wrong(at string, s *Schema) *Error {
	var want []string
	for _, t := range s.Types {
		if t != typeNull || len(s.Types) == 1 {
			want = append(want, article(t))
		}
	}
	if at == "" {
		return Errorf(Invalid, "the request has to be %s", strings.Join(want, " or "))
	}
	return Errorf(Invalid, "%s has to be %s", at, strings.Join(want, " or "))
}

func article(t string) string {
	if strings.ContainsRune("aio", rune(t[0])) {
		return "an " + t
	}
	return "a " + t
}

func (c checker) number(at string, s *Schema, n json.Number) (any, *Error) {
	f, err := strconv.ParseFloat(n.String(), 64)
	switch {
	case len(s.Types) == 0:
		return n, nil
	case !s.is(typeInteger) && !s.is(typeNumber):
		return nil, c.wrong(at, s)
	case err != nil:
		return nil, Errorf(Invalid, "%s is a number too large", place(at))
	case s.is(typeInteger) && f != math.Trunc(f):
		return nil, c.wrong(at, s)
	}
	if s.Minimum != nil && f < *s.Minimum || s.Maximum != nil && f > *s.Maximum {
		if !c.clamp {
			return nil, Errorf(Invalid, "%s has to be %s", place(at), span(s))
		}
		if s.Minimum != nil {
			f = max(f, *s.Minimum)
		}
		if s.Maximum != nil {
			f = min(f, *s.Maximum)
		}
		n = json.Number(strconv.FormatFloat(f, 'f', -1, 64))
	}
	if s.is(typeInteger) {
		if _, err := strconv.ParseInt(n.String(), 10, 64); err != nil {
			// 2e1 and 20.0 are integers too, which Go's decoder does not know.
			n = json.Number(strconv.FormatFloat(f, 'f', -1, 64))
		}
	}
	return n, nil
}

// span says a range in words.
func span(s *Schema) string {
	say := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	switch {
	case s.Minimum == nil:
		return "at most " + say(*s.Maximum)
	case s.Maximum == nil:
		return "at least " + say(*s.Minimum)
	default:
		return say(*s.Minimum) + " to " + say(*s.Maximum)
	}
}

func (c checker) text(at string, s *Schema, v string) *Error {
	length := utf8.RuneCountInString(v)
	switch {
	case len(s.Types) == 0:
		return nil
	case !s.is(typeString):
		return c.wrong(at, s)
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, v):
		return Errorf(Invalid, "%s has to be one of %s", place(at), strings.Join(s.Enum, ", "))
	case s.MinLength != nil && length < *s.MinLength && length == 0:
		return Errorf(Invalid, "%s is empty", place(at))
	case s.MinLength != nil && length < *s.MinLength:
		return Errorf(Invalid, "%s has to have at least %d characters", place(at), *s.MinLength)
	case s.MaxLength != nil && length > *s.MaxLength:
		return Errorf(Invalid, "%s has to have at most %d characters", place(at), *s.MaxLength)
	}
	return nil
}

func (c checker) list(at string, s *Schema, v []any) (any, *Error) {
	if len(s.Types) > 0 && !s.is(typeArray) {
		return nil, c.wrong(at, s)
	}
	if s.MaxItems != nil && len(v) > *s.MaxItems {
		return nil, Errorf(Invalid, "%s has to have at most %d items", place(at), *s.MaxItems)
	}
	if s.Items == nil {
		return v, nil
	}
	for i := range v {
		item, err := c.value(fmt.Sprintf("%s[%d]", at, i), s.Items, v[i])
		if err != nil {
			return nil, err
		}
		v[i] = item
	}
	return v, nil
}

func (c checker) object(at string, s *Schema, v map[string]any) (any, *Error) {
	if len(s.Types) > 0 && !s.is(typeObject) {
		return nil, c.wrong(at, s)
	}
	if s.Properties == nil {
		return v, nil
	}
	for name := range v {
		if _, ok := s.Properties[name]; ok || !s.Closed {
			continue
		}
		if !c.clamp {
			return nil, Errorf(Invalid, "there is no field %s; there are: %s", short(name), strings.Join(s.names, ", "))
		}
		delete(v, name)
	}
	for _, name := range s.names {
		p := s.Properties[name]
		given, ok := v[name]
		if !ok || given == nil && !slices.Contains(p.Types, typeNull) && len(p.Types) > 0 {
			if slices.Contains(s.Required, name) {
				return nil, Errorf(Invalid, "%s is required", within(at, name))
			}
		}
		if given == nil && s.Closed && !slices.Contains(s.Required, name) {
			// Null is how programs say that they give none.
			delete(v, name)
			if p.Default != nil {
				v[name] = p.Default
			}
			continue
		}
		if !ok {
			continue
		}
		taken, err := c.value(within(at, name), p, given)
		if err != nil {
			return nil, err
		}
		v[name] = taken
	}
	return v, nil
}

func within(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

func place(at string) string {
	if at == "" {
		return "the value"
	}
	return at
}

// short is a caller's own word in an error: quoted, and not longer than a line.
func short(word string) string {
	const most = 60
	if utf8.RuneCountInString(word) > most {
		word = string([]rune(word)[:most]) + "…"
	}
	return strconv.Quote(word)
}
