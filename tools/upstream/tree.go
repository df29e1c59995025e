package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"path/filepath"
	"sort"
	"strings"
)

// roots are the kinds: structs that embed TypeMeta.
func (t *tree) roots() ([]string, error) {
	found := append([]string{}, moreRoots...)
	for _, pattern := range kindPackages {
		folders, err := filepath.Glob(filepath.Join(t.staging, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		for _, folder := range folders {
			path, err := filepath.Rel(t.staging, folder)
			if err != nil {
				return nil, err
			}
			path = filepath.ToSlash(path)
			if !stableVersion.MatchString(path) {
				continue
			}
			read, err := t.packageAt(path)
			if err != nil {
				return nil, err
			}
			for name, each := range read.types {
				if ast.IsExported(name) && embedsTypeMeta(each.expr) {
					found = append(found, read.definition()+"."+name)
				}
			}
		}
	}
	sort.Strings(found)
	return found, nil
}

func embedsTypeMeta(expr ast.Expr) bool {
	structure, ok := expr.(*ast.StructType)
	if !ok {
		return false
	}
	for _, field := range structure.Fields.List {
		if len(field.Names) == 0 && goName(field) == "TypeMeta" {
			return true
		}
	}
	return false
}

func (t *tree) packageAt(path string) (*goPackage, error) {
	if t.packages[path] == nil {
		read, err := readPackage(t.staging, path)
		if err != nil {
			return nil, err
		}
		t.packages[path] = read
	}
	return t.packages[path], nil
}

// enumOf gives the values of all constants of a type, sorted.
func (t *tree) enumOf(read *goPackage, typeName string) ([]string, error) {
	var values []string
	for name, each := range read.constants {
		if each.typeName != typeName {
			continue
		}
		value, err := t.valueOf(read, name)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	sort.Strings(values)
	return values, nil
}

// valueOf gives a constant's text, which may be that of another package's constant.
func (t *tree) valueOf(read *goPackage, name string) (string, error) {
	found := read.constants[name]
	if found == nil {
		return "", fmt.Errorf("no constant %s in %s", name, read.path)
	}
	switch other := found.sameAs.(type) {
	case *ast.Ident:
		return t.valueOf(read, other.Name)
	case *ast.SelectorExpr:
		path := strings.TrimPrefix(found.imports[other.X.(*ast.Ident).Name], "k8s.io/")
		target, err := t.packageAt(path)
		if err != nil {
			return "", err
		}
		return t.valueOf(target, other.Sel.Name)
	}
	return found.text, nil
}

// readDefault takes the value of a +default marker: JSON, or the name of a constant.
func (t *tree) readDefault(read *goPackage, text string) (json.RawMessage, error) {
	if found := referenceDefault.FindStringSubmatch(text); found != nil {
		value, err := t.valueOf(read, found[1])
		if err != nil {
			return nil, err
		}
		return encode(value)
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("default %s is not JSON", text)
	}
	return json.RawMessage(text), nil
}
