package events

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// kindList is every known kind, in order, and some that nobody knows.
func kindList() []Kind {
	list := Kinds()
	slices.Sort(list)
	return append(list, CyTubeKind("voteskip"), CyTubeKind(""), CyTubeKind("a.b c"), "user.renamed", "media.rated", "bot.slept")
}

// drawJSON draws a compact JSON value.
func drawJSON(t *rapid.T, label string) json.RawMessage {
	return rapid.OneOf(
		rapid.SampledFrom([]json.RawMessage{
			[]byte(`null`), []byte(`[]`), []byte(`{}`), []byte(`[1,"2?",{"a":[]}]`), []byte(`{"password":false}`),
			[]byte(`{"event":"chatMsg","args":[{"msg":"\u0007 \"quoted\" 猫"}]}`), []byte(`-1.5e-7`), []byte(`true`),
		}),
		rapid.Custom(func(t *rapid.T) json.RawMessage {
			data, err := json.Marshal(drawText(t, "text"))
			if err != nil {
				t.Fatal(err)
			}
			return data
		}),
	).Draw(t, label)
}

func drawText(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{
			"", "null", "__proto__", "-", "MixedCase", "&amp;", "<b>", "a\x00b\x1f\x7f", "\u2028\u2029", "\uFFFD", `"\/`,
			"👩‍👩‍👧‍👦", strings.Repeat("é", 32), strings.Repeat("x", 50),
		}),
	).Draw(t, label)
}

// drawValue fills any value a payload may hold. Empty slices and absent raw
// fields are nil, as Decode leaves them.
func drawValue(t *rapid.T, label string, v reflect.Value) {
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		if rapid.Bool().Draw(t, label+" there") {
			v.SetBytes(drawJSON(t, label))
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(drawText(t, label))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, label))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, label))
	case reflect.Float64:
		v.SetFloat(rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, -3, 1.5, 255, 5.0009999999999994, 1e21, 1e-9})).Draw(t, label))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, label+" there") {
			v.Set(reflect.New(v.Type().Elem()))
			drawValue(t, label, v.Elem())
		}
	case reflect.Slice:
		for range rapid.IntRange(0, 3).Draw(t, label+" length") {
			item := reflect.New(v.Type().Elem()).Elem()
			drawValue(t, label, item)
			v.Set(reflect.Append(v, item))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			drawValue(t, label+"."+v.Type().Field(i).Name, v.Field(i))
		}
	default:
		t.Fatalf("%s: no way to draw a %s", label, v.Type())
	}
}

func drawEvent(t *rapid.T, kind Kind) *Event {
	e := &Event{
		ID: drawText(t, "id"), V: rapid.IntRange(1, 9).Draw(t, "v"), Platform: drawText(t, "platform"),
		Channel: drawText(t, "channel"), TimeMS: rapid.Int64().Draw(t, "time"), ReceivedMS: rapid.Int64().Draw(t, "received"),
		Kind: kind, Payload: kind.NewPayload(),
	}
	if e.Payload != nil {
		drawValue(t, "payload", reflect.ValueOf(e.Payload).Elem())
	}
	for range rapid.IntRange(0, 3).Draw(t, "extra") {
		// No payload's field begins like this.
		e.Extra = append(e.Extra, Field{Name: "x_" + drawText(t, "field"), Value: drawJSON(t, "value")})
	}
	if rapid.Bool().Draw(t, "carrier") {
		e.PlatformData = drawJSON(t, "platform data")
	}
	return e
}
