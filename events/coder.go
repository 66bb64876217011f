package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/go-faster/jx"
)

// A coder walks the fields of a payload, either writing them all or reading the
// one whose key is at hand. Payloads list their fields once; the coder makes an
// inverse pair of it.
//
// When reading, the first matching field consumes the value and sets hit; the
// comparisons cost less than building a table for each kind would.
type coder struct {
	enc *jx.Encoder

	dec   *jx.Decoder
	names *Decoder
	key   []byte
	hit   bool
	err   error
}

// is reports whether the key at hand is the field or one of its older spellings,
// and claims the value.
func (c *coder) is(name string, older []string) bool {
	if c.hit || c.err != nil {
		return false
	}
	if string(c.key) == name {
		c.hit = true
		return true
	}
	for _, o := range older {
		if string(c.key) == o {
			c.hit = true
			return true
		}
	}
	return false
}

func (c *coder) fail(name string, err error) {
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("field %q: %w", name, err)
	}
}

// str is a text that is always written.
func (c *coder) str(name string, v *string, older ...string) {
	if c.enc != nil {
		c.enc.FieldStart(name)
		c.enc.Str(*v)
		return
	}
	if c.is(name, older) {
		s, err := readString(c.dec)
		*v = s
		c.fail(name, err)
	}
}

// name is a text that repeats from event to event, so that a Decoder keeps it.
func (c *coder) name(name string, v *string, older ...string) {
	if c.enc != nil {
		c.str(name, v)
		return
	}
	if c.is(name, older) {
		s, err := c.names.name(c.dec)
		*v = s
		c.fail(name, err)
	}
}

// text is a text that is left out when empty.
func (c *coder) text(name string, v *string, older ...string) {
	if c.enc != nil && *v == "" {
		return
	}
	c.str(name, v, older...)
}

func (c *coder) optStr(name string, v **string, older ...string) {
	if c.enc != nil {
		if *v != nil {
			c.str(name, *v)
		}
		return
	}
	if c.is(name, older) {
		if null, err := skipNull(c.dec); null {
			*v = nil
			c.fail(name, err)
			return
		}
		s, err := readString(c.dec)
		*v = &s
		c.fail(name, err)
	}
}

func (c *coder) strs(name string, v *[]string) {
	if c.enc != nil {
		c.enc.FieldStart(name)
		c.enc.ArrStart()
		for _, s := range *v {
			c.enc.Str(s)
		}
		c.enc.ArrEnd()
		return
	}
	if c.is(name, nil) {
		*v = nil
		if null, err := skipNull(c.dec); null {
			c.fail(name, err)
			return
		}
		c.fail(name, c.dec.Arr(func(d *jx.Decoder) error {
			s, err := readString(d)
			*v = append(*v, s)
			return err
		}))
	}
}

func (c *coder) integer(name string, v *int64, older ...string) {
	if c.enc != nil {
		c.enc.FieldStart(name)
		c.enc.Int64(*v)
		return
	}
	if c.is(name, older) {
		n, err := readInt(c.dec)
		*v = n
		c.fail(name, err)
	}
}

// quotableInt is an integer that some publishers write as a text of digits.
func (c *coder) quotableInt(name string, v *int64) {
	if c.enc != nil {
		c.integer(name, v)
		return
	}
	if c.is(name, nil) {
		read := readInt
		if c.dec.Next() == jx.String {
			read = readDigits
		}
		n, err := read(c.dec)
		*v = n
		c.fail(name, err)
	}
}

// optionalInt is an integer that is left out when zero.
func (c *coder) optionalInt(name string, v *int64) {
	if c.enc != nil && *v == 0 {
		return
	}
	c.integer(name, v)
}

func (c *coder) optInt(name string, v **int64, older ...string) {
	if c.enc != nil {
		if *v != nil {
			c.integer(name, *v)
		}
		return
	}
	if c.is(name, older) {
		if null, err := skipNull(c.dec); null {
			*v = nil
			c.fail(name, err)
			return
		}
		n, err := readInt(c.dec)
		*v = &n
		c.fail(name, err)
	}
}

func (c *coder) float(name string, v *float64, older ...string) {
	if c.enc != nil {
		c.enc.FieldStart(name)
		c.enc.Float64(*v)
		return
	}
	if c.is(name, older) {
		f, err := readFloat(c.dec)
		*v = f
		c.fail(name, err)
	}
}

func (c *coder) optFloat(name string, v **float64, older ...string) {
	if c.enc != nil {
		if *v != nil {
			c.float(name, *v)
		}
		return
	}
	if c.is(name, older) {
		if null, err := skipNull(c.dec); null {
			*v = nil
			c.fail(name, err)
			return
		}
		f, err := readFloat(c.dec)
		*v = &f
		c.fail(name, err)
	}
}

func (c *coder) boolean(name string, v *bool, older ...string) {
	if c.enc != nil {
		c.enc.FieldStart(name)
		c.enc.Bool(*v)
		return
	}
	if c.is(name, older) {
		b, err := readBool(c.dec)
		*v = b
		c.fail(name, err)
	}
}

// flag is a boolean that is left out when false.
func (c *coder) flag(name string, v *bool) {
	if c.enc != nil && !*v {
		return
	}
	c.boolean(name, v)
}

func (c *coder) optBool(name string, v **bool, older ...string) {
	if c.enc != nil {
		if *v != nil {
			c.boolean(name, *v)
		}
		return
	}
	if c.is(name, older) {
		if null, err := skipNull(c.dec); null {
			*v = nil
			c.fail(name, err)
			return
		}
		b, err := readBool(c.dec)
		*v = &b
		c.fail(name, err)
	}
}

// raw is JSON carried through unread.
func (c *coder) raw(name string, v *json.RawMessage) {
	if c.enc != nil {
		if len(*v) > 0 {
			c.enc.FieldStart(name)
			c.enc.Raw(*v)
		}
		return
	}
	if c.is(name, nil) {
		r, err := c.dec.Raw()
		*v = json.RawMessage(r)
		c.fail(name, err)
	}
}

// group is a nested object whose fields are also accepted flat.
func (c *coder) group(name string, fields func(*coder)) {
	if c.enc != nil {
		c.enc.FieldStart(name)
		c.enc.ObjStart()
		fields(c)
		c.enc.ObjEnd()
		return
	}
	if !c.is(name, nil) {
		fields(c)
		return
	}
	c.fail(name, c.object(fields))
}

// object reads one object by its list of fields, skipping what it does not know.
func (c *coder) object(fields func(*coder)) error {
	if null, err := skipNull(c.dec); null {
		return err
	}
	inner := coder{dec: c.dec, names: c.names}
	err := c.dec.ObjBytes(func(d *jx.Decoder, key []byte) error {
		inner.key, inner.hit = key, false
		fields(&inner)
		if inner.err == nil && !inner.hit {
			return d.Skip()
		}
		return inner.err
	})
	c.hit = true
	return err
}

// list is an array of objects.
func list[T any, P interface {
	*T
	fields(*coder)
}](c *coder, name string, v *[]T) {
	if c.enc != nil {
		c.enc.FieldStart(name)
		c.enc.ArrStart()
		for i := range *v {
			c.enc.ObjStart()
			P(&(*v)[i]).fields(c)
			c.enc.ObjEnd()
		}
		c.enc.ArrEnd()
		return
	}
	if !c.is(name, nil) {
		return
	}
	*v = nil
	if null, err := skipNull(c.dec); null {
		c.fail(name, err)
		return
	}
	c.fail(name, c.dec.Arr(func(*jx.Decoder) error {
		var item T
		err := c.object(P(&item).fields)
		*v = append(*v, item)
		return err
	}))
}

func skipNull(d *jx.Decoder) (bool, error) {
	if d.Next() != jx.Null {
		return false, nil
	}
	return true, d.Null()
}

func readString(d *jx.Decoder) (string, error) {
	if d.Next() == jx.Null {
		return "", d.Null()
	}
	return d.Str()
}

func readBool(d *jx.Decoder) (bool, error) {
	if d.Next() == jx.Null {
		return false, d.Null()
	}
	return d.Bool()
}

// readFloat reads the number that the text means to the last bit: the decoder's
// own reading of long fractions is off by a little, and a stored number would
// change each time it was written again.
func readFloat(d *jx.Decoder) (float64, error) {
	num, err := readNumber(d)
	if err != nil || num == nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(num), 64)
	if err != nil {
		return 0, fmt.Errorf("not a number: %w", err)
	}
	return f, nil
}

// readNumber returns the text of a number, nil for null.
func readNumber(d *jx.Decoder) (jx.Num, error) {
	if d.Next() == jx.Null {
		return nil, d.Null()
	}
	num, err := d.Num()
	if err != nil {
		return nil, err
	}
	if len(num) > 0 && num[0] == '"' {
		return nil, fmt.Errorf("a number in quotes: %s", num)
	}
	return num, nil
}

// readDigits reads a text that is a decimal number.
func readDigits(d *jx.Decoder) (int64, error) {
	s, err := d.Str()
	if err != nil {
		return 0, err
	}
	n, ok := parseDigits(s)
	if !ok {
		return 0, errors.New("a text that is no decimal number")
	}
	return n, nil
}

// parseDigits is the number that a text of digits alone spells.
func parseDigits(s string) (int64, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// readInt accepts any JSON number and drops its fraction: older publishers wrote
// times as fractions.
func readInt(d *jx.Decoder) (int64, error) {
	num, err := readNumber(d)
	if err != nil || num == nil {
		return 0, err
	}
	if n, err := strconv.ParseInt(string(num), 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(string(num), 64)
	if err != nil {
		return 0, fmt.Errorf("not a number: %w", err)
	}
	if f >= math.MaxInt64 || f <= math.MinInt64 {
		return 0, fmt.Errorf("number %s is out of range", num)
	}
	return int64(f), nil
}
