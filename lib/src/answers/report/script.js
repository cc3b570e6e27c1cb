(function(){
"use strict";
var copy=function(text,button){
  var done=function(){button.textContent="copied";setTimeout(function(){button.textContent="copy";},1500);};
  if(navigator.clipboard&&window.isSecureContext){navigator.clipboard.writeText(text).then(done,function(){});return;}
  var area=document.createElement("textarea");area.value=text;document.body.appendChild(area);area.select();
  try{if(document.execCommand("copy")){done();}}finally{area.remove();}
};
document.querySelectorAll("code[data-copy]").forEach(function(code){
  var button=document.createElement("button");button.type="button";button.textContent="copy";
  button.setAttribute("aria-label","copy command "+code.textContent);
  button.addEventListener("click",function(){copy(code.textContent,button);});
  code.insertAdjacentElement("afterend",button);
});
var value=function(cell){var v=cell.getAttribute("data-v");return v===null?cell.textContent:Number(v);};
document.querySelectorAll("table").forEach(function(table){
  var body=table.tBodies[0];if(!body||body.rows.length<2){return;}
  Array.prototype.forEach.call(table.tHead.rows[0].cells,function(head,at){
    var button=document.createElement("button");button.type="button";button.textContent=head.textContent;
    head.textContent="";head.appendChild(button);
    button.addEventListener("click",function(){
      var down=head.getAttribute("aria-sort")!=="descending";
      Array.prototype.forEach.call(table.tHead.rows[0].cells,function(other){other.removeAttribute("aria-sort");});
      head.setAttribute("aria-sort",down?"descending":"ascending");
      var rows=Array.prototype.slice.call(body.rows);
      rows.sort(function(a,b){var x=value(a.cells[at]),y=value(b.cells[at]);
        var order=typeof x==="number"&&typeof y==="number"?x-y:String(x).localeCompare(String(y));return down?-order:order;});
      rows.forEach(function(row){body.appendChild(row);});
    });
  });
  if(body.rows.length>10){
    var input=document.createElement("input");input.type="search";input.className="filter";input.placeholder="filter rows";
    input.setAttribute("aria-label","filter rows of "+(table.caption?table.caption.textContent:"the table"));
    input.addEventListener("input",function(){
      var wanted=input.value.toLowerCase();
      Array.prototype.forEach.call(body.rows,function(row){row.hidden=row.textContent.toLowerCase().indexOf(wanted)<0;});
    });
    table.parentElement.insertAdjacentElement("beforebegin",input);
  }
});
})();
