package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// goPackage holds the declarations of one package that describe its types.
type goPackage struct {
	path      string // below k8s.io: "api/core/v1"
	types     map[string]*declaration
	constants map[string]*constant
	// marshals names the types that write their own JSON.
	marshals map[string]bool
	messages map[string]map[string]int
}

type declaration struct {
	name    string
	expr    ast.Expr
	comment string
	imports map[string]string // local name > import path
}

// constant is a string constant: its type's name, and its value or the constant that it repeats.
type constant struct {
	typeName string
	text     string
	sameAs   ast.Expr
	imports  map[string]string
}

var enumMarker = regexp.MustCompile(`(?m)^\s*\+enum\s*$`)

// definition is the start of the OpenAPI names of a package's types, without "io.k8s.".
func (p *goPackage) definition() string {
	return strings.ReplaceAll(p.path, "/", ".")
}

func readPackage(staging, path string) (*goPackage, error) {
	folder := filepath.Join(staging, filepath.FromSlash(path))
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no Go package in %s", folder)
	}
	found := &goPackage{
		path: path, types: map[string]*declaration{}, constants: map[string]*constant{}, marshals: map[string]bool{},
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		found.readFile(parsed)
	}
	found.messages, err = readMessages(filepath.Join(folder, "generated.proto"))
	return found, err
}

func (p *goPackage) readFile(file *ast.File) {
	imports := map[string]string{}
	for _, each := range file.Imports {
		path, _ := strconv.Unquote(each.Path.Value)
		name := path[strings.LastIndex(path, "/")+1:]
		if each.Name != nil {
			name = each.Name.Name
		}
		imports[name] = path
	}
	for _, each := range file.Decls {
		switch decl := each.(type) {
		case *ast.GenDecl:
			p.readDeclaration(decl, imports)
		case *ast.FuncDecl:
			if decl.Recv != nil && decl.Name.Name == "MarshalJSON" {
				p.marshals[receiver(decl.Recv.List[0].Type)] = true
			}
		}
	}
}

func receiver(expr ast.Expr) string {
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if name, ok := expr.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

func (p *goPackage) readDeclaration(decl *ast.GenDecl, imports map[string]string) {
	for _, each := range decl.Specs {
		switch spec := each.(type) {
		case *ast.TypeSpec:
			comment := spec.Doc.Text() + "\n" + decl.Doc.Text()
			p.types[spec.Name.Name] = &declaration{
				name: spec.Name.Name, expr: spec.Type, comment: comment, imports: imports,
			}
		case *ast.ValueSpec:
			if decl.Tok == token.CONST {
				p.readConstants(spec, imports)
			}
		}
	}
}

// readConstants takes `Name Type = "value"`, `Name = Type("value")` and the same with another constant.
func (p *goPackage) readConstants(spec *ast.ValueSpec, imports map[string]string) {
	for i, value := range spec.Values {
		named, _ := spec.Type.(*ast.Ident)
		if call, ok := value.(*ast.CallExpr); ok && named == nil && len(call.Args) == 1 {
			named, _ = call.Fun.(*ast.Ident)
			value = call.Args[0]
		}
		found := &constant{imports: imports}
		if named != nil {
			found.typeName = named.Name
		}
		switch each := value.(type) {
		case *ast.BasicLit:
			text, err := strconv.Unquote(each.Value)
			if err != nil || each.Kind != token.STRING {
				continue
			}
			found.text = text
		case *ast.Ident, *ast.SelectorExpr:
			found.sameAs = each
		default:
			continue
		}
		p.constants[spec.Names[i].Name] = found
	}
}
