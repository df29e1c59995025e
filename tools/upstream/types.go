package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// typeFacts is what the JSON file says of a type. A struct has fields; another named type has its Go type.
type typeFacts struct {
	Type string `json:"type,omitempty"`
	// Custom: the type writes its own JSON.
	Custom bool         `json:"custom,omitempty"`
	Enum   []string     `json:"enum,omitempty"`
	Fields []fieldFacts `json:"fields,omitempty"`
}

type fieldFacts struct {
	// Name in JSON; "" for an embedded struct whose fields stand in its owner.
	Name      string          `json:"name"`
	Go        string          `json:"go"`
	Type      string          `json:"type"`
	OmitEmpty bool            `json:"omitempty,omitempty"`
	OmitZero  bool            `json:"omitzero,omitempty"`
	Number    int             `json:"number,omitempty"`
	Default   json.RawMessage `json:"default,omitempty"`
}

type tree struct {
	staging  string
	packages map[string]*goPackage
}

var (
	defaultMarker    = regexp.MustCompile(`(?m)^\s*\+default=(.*?)\s*$`)
	referenceDefault = regexp.MustCompile(`^ref\((\w+)\)$`)
)

// collect gives the facts of all kinds and of what they are made of, by the definition's name without "io.k8s.".
func (t *tree) collect() (map[string]*typeFacts, error) {
	pending, err := t.roots()
	if err != nil {
		return nil, err
	}
	found := map[string]*typeFacts{}
	for len(pending) > 0 {
		name := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if found[name] != nil {
			continue
		}
		facts, uses, err := t.describe(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found[name] = facts
		pending = append(pending, uses...)
	}
	return found, nil
}

// describe gives the facts of one type, and the named types that it uses.
func (t *tree) describe(name string) (*typeFacts, []string, error) {
	dot := strings.LastIndex(name, ".")
	path := strings.ReplaceAll(name[:dot], ".", "/")
	read, err := t.packageAt(path)
	if err != nil {
		return nil, nil, err
	}
	declared := read.types[name[dot+1:]]
	if declared == nil {
		return nil, nil, fmt.Errorf("not declared in %s", path)
	}
	if read.marshals[declared.name] {
		return &typeFacts{Custom: true}, nil, nil
	}
	uses := &usedTypes{owner: read, imports: declared.imports}
	structure, ok := declared.expr.(*ast.StructType)
	if !ok {
		facts := &typeFacts{Type: uses.show(declared.expr)}
		if enumMarker.MatchString(declared.comment) {
			if facts.Enum, err = t.enumOf(read, declared.name); err != nil {
				return nil, nil, err
			}
		}
		return facts, uses.names, uses.err
	}
	facts := &typeFacts{}
	for _, field := range structure.Fields.List {
		described, err := t.describeField(field, uses)
		if err != nil {
			return nil, nil, err
		}
		if described != nil {
			facts.Fields = append(facts.Fields, *described)
		}
	}
	if err := checkMessage(read, declared.name, facts); err != nil {
		return nil, nil, err
	}
	return facts, uses.names, uses.err
}

// describeField gives nil for what is not part of the JSON.
func (t *tree) describeField(field *ast.Field, uses *usedTypes) (*fieldFacts, error) {
	facts := &fieldFacts{Go: goName(field)}
	tag := reflect.StructTag("")
	if field.Tag != nil {
		text, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			return nil, err
		}
		tag = reflect.StructTag(text)
	}
	options := strings.Split(tag.Get("json"), ",")
	if options[0] == "-" || !ast.IsExported(facts.Go) {
		return nil, nil
	}
	facts.Name = options[0]
	if facts.Name == "" && len(field.Names) > 0 {
		facts.Name = facts.Go
	}
	for _, option := range options[1:] {
		facts.OmitEmpty = facts.OmitEmpty || option == "omitempty"
		facts.OmitZero = facts.OmitZero || option == "omitzero"
	}
	if parts := strings.Split(tag.Get("protobuf"), ","); len(parts) > 1 {
		number, err := strconv.Atoi(parts[1])
		if err != nil {
			return nil, fmt.Errorf("%s: protobuf tag %q", facts.Go, tag.Get("protobuf"))
		}
		facts.Number = number
	}
	facts.Type = uses.show(field.Type)
	if found := defaultMarker.FindStringSubmatch(field.Doc.Text()); found != nil {
		value, err := t.readDefault(uses.owner, found[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", facts.Go, err)
		}
		facts.Default = value
	}
	return facts, nil
}

func goName(field *ast.Field) string {
	if len(field.Names) > 0 {
		return field.Names[0].Name
	}
	switch expr := field.Type.(type) {
	case *ast.Ident:
		return expr.Name
	case *ast.SelectorExpr:
		return expr.Sel.Name
	case *ast.StarExpr:
		return goName(&ast.Field{Type: expr.X})
	}
	return ""
}
