package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// TestHelp_ExamplesParse takes every example of every command's help as it
// stands there, and parses it.
func TestHelp_ExamplesParse(t *testing.T) {
	t.Parallel()
	var c cli
	k, err := newParser(&c, &bytes.Buffer{}, &bytes.Buffer{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, node := range k.Model.Leaves(true) {
		commands++
		e, ok := node.Target.Addr().Interface().(exampler)
		if !ok {
			t.Errorf("rosey %s has no examples", node.Path())
			continue
		}
		own := 0
		for _, line := range strings.Split(e.examples(), "\n") {
			args, ok := exampleArgs(line)
			if !ok {
				t.Errorf("rosey %s: example %q is no command", node.Path(), line)
				continue
			}
			var fresh cli
			p, err := newParser(&fresh, &bytes.Buffer{}, &bytes.Buffer{}, func(int) {})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Parse(args); err != nil {
				t.Errorf("rosey %s: example %q: %v", node.Path(), line, err)
			}
			if strings.HasPrefix(strings.Join(args, " ")+" ", strings.Fields(node.Path())[0]+" ") {
				own++
			}
		}
		if own == 0 {
			t.Errorf("rosey %s: no example is about it", node.Path())
		}
	}
	if commands < 10 {
		t.Errorf("only %d commands were looked at", commands)
	}
}

func TestHelp_ShowsDefaults(t *testing.T) {
	t.Parallel()
	for command, wants := range map[string][]string{
		"up":        {"Default: ./rosey-data.", "Default: 4222.", "Default: 8222.", "--log-level", "--log-json"},
		"demo":      {"Default: ./rosey-demo.", "Default: 25.", "Default: off."},
		"projector": {"Default: main.", "Default: 30s."},
		"tail":      {"Default: ./rosey-data.", "Default: auto."},
	} {
		var out, errs bytes.Buffer
		if code := run([]string{command, "--help"}, &out, &errs); code != 0 {
			t.Errorf("rosey %s --help: exit code %d\n%s", command, code, &errs)
		}
		text := strings.Join(strings.Fields(out.String()), " ")
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("rosey %s --help does not say %q:\n%s", command, want, &out)
			}
		}
	}
}

var (
	environment = regexp.MustCompile(`^[A-Z_]+=\S+ `)
	comment     = regexp.MustCompile(`\s{2,}\S.*$`)
	quoted      = regexp.MustCompile(`"[^"]*"|\S+`)
)

// exampleArgs is what a shell would make of an example: variables before it, a
// pipe or an explanation after it.
func exampleArgs(line string) ([]string, bool) {
	line = strings.TrimSpace(line)
	line = environment.ReplaceAllString(line, "")
	line, ok := strings.CutPrefix(line, "rosey ")
	if !ok {
		return nil, false
	}
	line, _, _ = strings.Cut(line, " |")
	line, _, _ = strings.Cut(line, " >")
	line = comment.ReplaceAllString(line, "")
	var args []string
	for _, a := range quoted.FindAllString(line, -1) {
		args = append(args, strings.Trim(a, `"`))
	}
	return args, true
}
