package mutants

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

const root = "../.."

// The code moves on; a mutant that no longer applies proves nothing.
func TestAll_ApplyToTheCodeAsItIs(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, m := range All() {
		if names[m.Name] {
			t.Errorf("two mutants are called %q", m.Name)
		}
		names[m.Name] = true
		text, err := os.ReadFile(filepath.Join(root, m.File))
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		faulty, err := m.Apply(string(text))
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.File, faulty, 0); err != nil {
			t.Errorf("%s: it would not compile: %v", m.Name, err)
		}
	}
	if len(names) < 30 {
		t.Errorf("there are %d mutants, want 30 at least", len(names))
	}
}

func TestAll_NameTestsThatExist(t *testing.T) {
	t.Parallel()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	tests := map[string][]string{}
	for _, m := range All() {
		if _, read := tests[m.Package]; !read {
			files, err := filepath.Glob(filepath.Join(root, m.Package, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range files {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
					tests[m.Package] = append(tests[m.Package], match[1])
				}
			}
		}
		pattern, err := regexp.Compile(m.Run)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		found := false
		for _, name := range tests[m.Package] {
			found = found || pattern.MatchString(name)
		}
		if !found {
			t.Errorf("%s: no test of %s matches %q", m.Name, m.Package, m.Run)
		}
	}
}

func TestMutant_AppliesOnceOrNot(t *testing.T) {
	t.Parallel()
	m := Mutant{Name: "m", File: "f", Old: "a", New: "b"}
	if got, err := m.Apply("xay"); err != nil || got != "xby" {
		t.Errorf("Apply = %q, %v", got, err)
	}
	for _, text := range []string{"xy", "aa"} {
		if _, err := m.Apply(text); err == nil {
			t.Errorf("Apply(%q) is taken", text)
		}
	}
	same := Mutant{Name: "m", Old: "a", New: "a"}
	if _, err := same.Apply("a"); err == nil {
		t.Error("a mutant that changes nothing is taken")
	}
}
