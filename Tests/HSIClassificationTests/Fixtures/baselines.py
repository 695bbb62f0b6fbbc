import numpy as np, json, struct
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.calibration import _sigmoid_calibration
rng=np.random.default_rng(7)
C,L=3,6
means=rng.uniform(200,2000,(C,L)); 
means[1]=means[0]+rng.normal(0,120,L); means[2]=means[0]+rng.normal(0,120,L)
A=[rng.normal(0,60,(L,L)) for _ in range(C)]
def draw(n):
    y=rng.integers(0,C,n); x=np.stack([means[c]+rng.normal(0,1,L)@A[c]+ (0.15*(rng.normal()**2))*means[c]*(c==2) for c in y]); return x.astype(np.float32),y
x,y=draw(90); t,ty=draw(60)
out={'train':x,'labels':y.astype(np.int64),'test':t,'test_labels':ty.astype(np.int64)}
s=StandardScaler().fit(x.astype(np.float64)); xs=s.transform(x.astype(np.float64)); ts=s.transform(t.astype(np.float64))
m=SVC(C=10,gamma=0.25/L,tol=1e-3,decision_function_shape='ovo').fit(xs,y)
out['svm.decisions']=m.decision_function(ts); out['svm.predicted']=m.predict(ts).astype(np.int64)
out['svm.vectors']=np.array([m.n_support_.sum()],np.int64)
# exact: tight tolerance for the optimum
m2=SVC(C=10,gamma=0.25/L,tol=1e-9,decision_function_shape='ovo').fit(xs,y); print('tol spread',np.abs(m2.decision_function(ts)-m.decision_function(ts)).max())
lr=LogisticRegression(C=1.0,tol=1e-12,max_iter=10000).fit(xs,y); out['logistic.probabilities']=lr.predict_proba(ts)
kn=KNeighborsClassifier(5,weights=lambda d:1/d**2).fit(xs,y); out['knn.probabilities']=kn.predict_proba(ts)
# SAM
mu=np.stack([x[y==c].astype(np.float64).mean(0) for c in range(C)])
cos=(t.astype(np.float64)@mu.T)/np.linalg.norm(t.astype(np.float64),axis=1)[:,None]/np.linalg.norm(mu,axis=1)
out['sam.angles']=np.arccos(cos)
# GML: d=4 whitened comps
d=4; xc=x.astype(np.float64); mean=xc.mean(0); cov=np.cov(xc.T); w,v=np.linalg.eigh(cov); o=np.argsort(-w)[:d]; W=v[:,o]/np.sqrt(w[o])
z=(xc-mean)@W; zt=(t.astype(np.float64)-mean)@W
S=[];M=[];n=[]
for c in range(C):
    q=z[y==c]; n.append(len(q)); M.append(q.mean(0)); S.append((q-q.mean(0)).T@(q-q.mean(0)))
P=sum(S)/len(z); nu=d+1
ll=[]
for c in range(C):
    Sg=(S[c]+nu*P)/(n[c]+nu)+1e-6*np.eye(d); df=zt-M[c]
    ll.append(-0.5*np.linalg.slogdet(Sg)[1]-0.5*np.einsum('ni,ij,nj->n',df,np.linalg.inv(Sg),df))
ll=np.array(ll).T; p=np.exp(ll-ll.max(1,keepdims=True)); out['gml.probabilities']=p/p.sum(1,keepdims=True)
rf=[RandomForestClassifier(300,random_state=i).fit(x,y).score(t,ty) for i in range(10)]
out['forest.accuracy']=np.array([np.mean(rf)]); print('rf',np.mean(rf),np.std(rf), 'svm',(m.predict(ts)==ty).mean(),'lr',lr.score(ts,ty),'knn',kn.score(ts,ty),'gml',(out['gml.probabilities'].argmax(1)==ty).mean())
dec=m.decision_function(xs)[:,0]; sel=y!=2; f=dec[sel]+rng.normal(0,.8,sel.sum()); b=(y[sel]==0)
a,bb=_sigmoid_calibration(f,np.where(b,1,0)); out['sigmoid.decisions']=f; out['sigmoid.first']=b.astype(np.int64); out['sigmoid.ab']=np.array([a,bb]); print(a,bb)
h={};off=0;blobs=[]
for k,v in out.items():
    v=np.ascontiguousarray(v); dt={'float32':'F32','float64':'F64','int64':'I64'}[v.dtype.name]
    h[k]={'dtype':dt,'shape':list(v.shape),'data_offsets':[off,off+v.nbytes]}; off+=v.nbytes; blobs.append(v.tobytes())
j=json.dumps(h).encode(); j+=b' '*(-len(j)%8)
open('Tests/HSIClassificationTests/Fixtures/baselines.safetensors','wb').write(struct.pack('<Q',len(j))+j+b''.join(blobs))
