package crashpoint

import "testing"

func TestParse_Forms(t *testing.T) {
	t.Parallel()
	known := []string{"a.before", "a.after"}
	for _, tt := range []struct {
		text string
		want Point
		ok   bool
	}{
		{"a.before", Point{"a.before", 1}, true},
		{"a.after:7", Point{"a.after", 7}, true},
		{"a.after:0", Point{}, false},
		{"a.after:", Point{}, false},
		{"a.after:-1", Point{}, false},
		{"a.after:x", Point{}, false},
		{"b:1", Point{}, false},
		{"", Point{}, false},
	} {
		got, err := Parse(tt.text, known)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("Parse(%q) = %+v, %v", tt.text, got, err)
		}
		if tt.ok {
			if again, err := Parse(got.String(), known); again != got || err != nil {
				t.Errorf("Parse(%q) = %+v, %v", got.String(), again, err)
			}
		}
	}
}
