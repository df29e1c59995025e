package main

import (
	"fmt"
	"go/ast"
	"strings"
)

// usedTypes writes type expressions with the definitions' names and remembers these.
type usedTypes struct {
	owner   *goPackage
	imports map[string]string
	names   []string
	err     error
}

var builtins = map[string]bool{
	"string": true, "bool": true, "int": true, "int32": true, "int64": true, "float64": true, "byte": true,
	"uint8": true, "uint32": true, "uint64": true, "any": true,
}

func (u *usedTypes) show(expr ast.Expr) string {
	switch each := expr.(type) {
	case *ast.Ident:
		if builtins[each.Name] {
			return each.Name
		}
		return u.use(u.owner.definition() + "." + each.Name)
	case *ast.SelectorExpr:
		path, inKubernetes := strings.CutPrefix(u.imports[each.X.(*ast.Ident).Name], "k8s.io/")
		if !inKubernetes {
			u.err = fmt.Errorf("type %s of an unknown package", each.Sel.Name)
		}
		return u.use(strings.ReplaceAll(path, "/", ".") + "." + each.Sel.Name)
	case *ast.StarExpr:
		return "*" + u.show(each.X)
	case *ast.ArrayType:
		return "[]" + u.show(each.Elt)
	case *ast.MapType:
		return "map[" + u.show(each.Key) + "]" + u.show(each.Value)
	case *ast.InterfaceType:
		return "any"
	}
	u.err = fmt.Errorf("a field of type %T", expr)
	return ""
}

func (u *usedTypes) use(name string) string {
	u.names = append(u.names, name)
	return name
}
